"""docs/how-to, as a reader pastes it."""

from __future__ import annotations

import pytest

from tests.docs.page import page_paths
from tests.docs.run_page import run_page


@pytest.mark.fault("F79")
@pytest.mark.parametrize("page", page_paths("docs/how-to"))
def test_page(page: str) -> None:
    run_page(page)
