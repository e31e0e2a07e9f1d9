"""README.md, as a reader pastes it."""

from __future__ import annotations

from tests.docs.run_page import run_page


def test_readme() -> None:
    run_page("README.md")
