"""What pages are put together from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from inspect import cleandoc

NOTE = "<!-- Generated from the code by `make docs`; a change here is lost. -->\n"


def document(title: str, *parts: str) -> str:
    """A whole page: its title, and its parts with an empty line between them."""
    return "\n\n".join([NOTE + f"\n# {title}", *(part.strip() for part in parts if part.strip())]) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; empty where there are no rows."""
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *lines]) if lines else ""


def cell(text: str) -> str:
    """Text as it may stand in a table: on one line, without a bar."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: object) -> str:
    """Text as code; empty text stays empty."""
    return f"`{text}`" if f"{text}" else ""


def prose(text: str | None) -> str:
    """A docstring as Markdown, each paragraph on a line of its own, so that no page depends on where lines break."""
    return "\n\n".join(" ".join(part.split()) for part in cleandoc(text or "").split("\n\n"))


def first_line(text: str | None) -> str:
    """The first paragraph of a docstring, on one line, without the lines of contracts that it names, such as (V34)."""
    return re.sub(r" \([A-Z]\d\d[^)]*\)", "", prose(text).split("\n\n")[0])
