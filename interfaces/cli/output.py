"""What commands print: on stdout what was asked for, on stderr what is said beside it. Plain where no terminal is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

import typer

AsJson = Annotated[bool, typer.Option("--json", help="print JSON, for programs")]
LONGEST = 100  # characters of what an event says


def say(text: str) -> None:
    typer.echo(text)


def note(text: str) -> None:
    typer.echo(text, err=True)


def show_json(it: Any) -> None:
    typer.echo(json.dumps(it, indent=2, ensure_ascii=False))


def line_json(it: Any) -> None:
    typer.echo(json.dumps(it, ensure_ascii=False))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as what is in them: nothing is cut off, so that it can be copied and piped."""
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    say(typer.style(shown[0], bold=True))
    for line in shown[1:]:
        say(line)


class Progress(Protocol):
    def __call__(self, text: str) -> None: ...


@contextmanager
def progress(text: str) -> Iterator[Progress]:
    """Shows that something goes on, until the block is left; and, when called, what else is to be known of it."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    if not console.is_terminal:
        note(text)
        yield note
        return
    with console.status(Text(text)) as status:
        yield lambda more: status.update(Text(more))


def plain_time(at: str) -> str:
    """A time of the API to the second, as it can be given back: 2030-01-16T10:30:00Z."""
    return f"{at[:19]}Z" if at.endswith("Z") and "." in at else at


def what_it_says(facts: dict[str, Any]) -> str:
    """An event's facts in some words: those that are not ids."""
    said = []
    for name, value in facts.items():
        if isinstance(value, dict):
            value = value.get("provider_id")
        if value not in (None, "", []) and not name.endswith("_id"):
            said.append(f"{name}={plain_time(value) if isinstance(value, str) else value}")
    whole = " ".join(" ".join(said).split())
    return whole if len(whole) <= LONGEST else whole[: LONGEST - 1] + "…"
