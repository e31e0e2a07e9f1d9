"""Output of commands: results on stdout, remarks and progress on stderr. Without a terminal it is plain text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

import typer

AsJson = Annotated[bool, typer.Option("--json", help="print JSON, for programs")]
MAX_FACTS_CHARS = 100  # of an event in a line


def say(text: str) -> None:
    """Print a line of the result."""
    typer.echo(text)


def note(text: str) -> None:
    """Print a remark beside the result."""
    typer.echo(text, err=True)


def show_json(value: Any) -> None:
    """Print a value as indented JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def line_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns as wide as their longest cell. Nothing is cut off, so that it can be copied and piped."""
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    say(typer.style(padded[0], bold=True))
    for line in padded[1:]:
        say(line)


class Progress(Protocol):
    """Shows a new text beside the progress indicator."""

    def __call__(self, text: str) -> None: ...


@contextmanager
def progress(text: str) -> Iterator[Progress]:
    """Show a progress indicator until the block is left. Call the yielded function to change its text."""
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
    """A time of the API without fractions of a second, which options accept: 2030-01-16T10:30:00Z."""
    return f"{at[:19]}Z" if at.endswith("Z") and "." in at else at


def render_facts(facts: dict[str, Any]) -> str:
    """The facts of an event on one line, without ids; cut to `MAX_FACTS_CHARS` on a terminal, whole in a pipe."""
    parts = []
    for name, value in facts.items():
        if isinstance(value, dict):
            value = value.get("provider_id")
        if value not in (None, "", []) and not name.endswith("_id"):
            parts.append(f"{name}={plain_time(value) if isinstance(value, str) else value}")
    whole = " ".join(" ".join(parts).split())
    is_whole = len(whole) <= MAX_FACTS_CHARS or not sys.stdout.isatty()
    return whole if is_whole else whole[: MAX_FACTS_CHARS - 1] + "…"
