"""`make contracts`: each line of the contracts, with the tests that show it. Arguments choose lines, or contracts."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from tests.contracts.lines import Line, lines, shown_by

LEAST = 140  # columns, also where nobody says how wide the screen is


def main(wanted: list[str]) -> int:
    """Returns 1 if a line that was printed has no test."""
    naming = shown_by()
    chosen = [line for line in lines().values() if not wanted or {line.name, line.contract} & {*wanted}]
    console = Console()
    console.width = max(console.width, LEAST)
    console.print(table(chosen, naming))
    bare = [line.name for line in chosen if line.name not in naming]
    if bare:
        console.print(f"no test shows {', '.join(bare)}", style="bold red")
    return 1 if bare or not chosen else 0


def table(chosen: list[Line], naming: dict[str, list[str]]) -> Table:
    shown = Table("line", "what is promised")
    shown.add_column("shown by, in tests/contracts", overflow="fold")
    for line in chosen:
        says = line.says + (f"\n[dim]Deviation: {line.deviation}[/dim]" if line.deviation else "")
        shown.add_row(line.name, says, "\n".join(naming.get(line.name, ["[red]nothing[/red]"])), end_section=True)
    return shown


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
