"""The lines of each contract, as `lines.toml` states them, and the tests that show each line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import marks

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Line:
    contract: str
    name: str
    says: str
    deviation: str = ""  # how Tenure differs from the line, if it does


def lines() -> dict[str, Line]:
    """Read every line of every contract, by name."""
    return {line.name: line for page in sorted(HERE.glob("*/lines.toml")) for line in read(page)}


def read(page: Path) -> Iterator[Line]:
    for name, row in tomllib.loads(page.read_text()).items():
        yield Line(page.parent.name, name, **row)


def shown_by() -> dict[str, list[str]]:
    """Map each line's name to the tests marked with it."""
    return marks.shown_by("line", HERE)
