"""`make contracts` prints each line of the contracts with the tests that show it. Arguments pick lines or contracts."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from tests.contracts.lines import Line, lines, shown_by

MIN_WIDTH_CHARS = 140  # narrower output, such as rich's 80 columns in a pipe, folds every test name


def main(names: list[str]) -> int:
    """Print the table. Returns 1 if a printed line has no test, or if no line matches the names."""
    naming = shown_by()
    chosen = [line for line in lines().values() if not names or {line.name, line.contract} & {*names}]
    console = Console()
    console.width = max(console.width, MIN_WIDTH_CHARS)
    console.print(table(chosen, naming))
    bare = [line.name for line in chosen if line.name not in naming]
    if bare:
        console.print(f"no test shows {', '.join(bare)}", style="bold red")
    return 1 if bare or not chosen else 0


def table(chosen: list[Line], naming: dict[str, list[str]]) -> Table:
    page = Table("line", "what is promised")
    page.add_column("shown by, in tests/contracts", overflow="fold")
    for line in chosen:
        says = line.says + (f"\n[dim]Deviation: {line.deviation}[/dim]" if line.deviation else "")
        page.add_row(line.name, says, "\n".join(naming.get(line.name, ["[red]nothing[/red]"])), end_section=True)
    return page


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
