"""README.md, as a reader pastes it."""

from __future__ import annotations

import pytest

from tests.docs.run_page import run_page


@pytest.mark.fault("F79")
def test_readme() -> None:
    run_page("README.md")
