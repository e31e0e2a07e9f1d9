"""The reference pages, made from the code: `make docs` writes them, and a test compares them with what is stored.

One module a page, each with a function `page` that returns the page's text.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docs.generate import (
    cli,
    contracts,
    errors,
    events,
    http,
    identity,
    licences,
    metrics,
    permissions,
    settings,
    streams,
)

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli.page,
    "contracts.md": contracts.page,
    "errors.md": errors.page,
    "events.md": events.page,
    "http.md": http.page,
    "identity.md": identity.page,
    "licences.md": licences.page,
    "metrics.md": metrics.page,
    "permissions.md": permissions.page,
    "settings.md": settings.page,
    "streams.md": streams.page,
}


def write() -> list[str]:
    """Write every page that differs from what is stored. Returns their names."""
    changed = [name for name in PAGES if stored(name) != PAGES[name]()]
    for name in changed:
        (REFERENCE / name).write_text(PAGES[name]())
    return changed


def stored(name: str) -> str:
    """The page as it is in the repository; empty where it is not there yet."""
    path = REFERENCE / name
    return path.read_text() if path.exists() else ""
