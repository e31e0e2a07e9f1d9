"""The reference pages say what the code says."""

from __future__ import annotations

import pytest

from docs.generate import PAGES, REFERENCE, stored


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_reference_page_is_not_behind_the_code(name: str) -> None:
    assert stored(name) == PAGES[name](), f"docs/reference/{name} is behind the code: make docs"


def test_every_reference_page_is_generated() -> None:
    assert {path.name for path in REFERENCE.iterdir()} == PAGES.keys()
