"""What commands print: to stdout what was asked for, to stderr what is said beside it. Plain when not on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import typer


def say(text: str) -> None:
    typer.echo(text)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(*head, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        shown.add_row(*(Text(str(cell)) for cell in row))
    Console(soft_wrap=True).print(shown)
