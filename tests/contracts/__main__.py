"""`make contracts` prints each line of the contracts with the tests that show it. Arguments pick lines or contracts."""

from __future__ import annotations

import sys

from tests.contracts.lines import Line, lines, shown_by
from tests.support import marks

HEADINGS = ("line", "what is promised", "shown by, in tests/contracts")


def main(names: list[str]) -> int:
    """Print the table. Returns 1 if a printed line has no test, or if no line matches the names."""
    chosen = [line for line in lines().values() if not names or {line.name, line.contract} & {*names}]
    return marks.print_table(HEADINGS, [(line.name, promise(line)) for line in chosen], shown_by())


def promise(line: Line) -> str:
    return line.says + (f"\n[dim]Deviation: {line.deviation}[/dim]" if line.deviation else "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
