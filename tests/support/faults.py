"""The faults of Tenure 0.1, as `tests/faults.toml` states what holds now, and the tests that show each.

`python -m tests.support.faults [NAME…]` prints them; it exits with 1 while a printed fault has no test.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from tests.support import marks

TESTS = Path(__file__).parents[1]


def faults() -> dict[str, str]:
    """Read what holds now, by the fault's name."""
    return tomllib.loads((TESTS / "faults.toml").read_text())


def shown_by() -> dict[str, list[str]]:
    """Map each fault to the tests marked with it."""
    return marks.shown_by("fault", TESTS)


def main(names: list[str]) -> int:
    """Print the table of all faults, or of those named. Returns 1 if a printed fault has no test."""
    chosen = [(name, says) for name, says in faults().items() if not names or name in names]
    return marks.print_table(("fault", "what holds", "shown by, in tests"), chosen, shown_by())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
