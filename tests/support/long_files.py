"""A report of files over 300 lines, for whoever edits them. It never fails: length alone is no fault.

python -m tests.support.long_files
"""

from __future__ import annotations

from tests.support.words import FOLDERS, ROOT

LONG_LINES = 300


def main() -> None:
    """Print each long file with its number of lines, the longest first."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in paths}
    long = sorted(((length, path) for path, length in lengths.items() if length > LONG_LINES), reverse=True)
    if long:
        print(f"Over {LONG_LINES} lines; is each of these one room, or two?")
    for length, path in long:
        print(f"  {length:4}  {path}")


if __name__ == "__main__":
    main()
