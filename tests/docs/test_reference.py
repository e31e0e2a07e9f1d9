"""The reference pages say what the code says."""

from __future__ import annotations

import pytest

from docs.generate import PAGES, REFERENCE, stored
from docs.generate.events import aggregates, documented, events_of


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_reference_page_is_not_behind_the_code(name: str) -> None:
    assert stored(name) == PAGES[name](), f"docs/reference/{name} is behind the code: make docs"


def test_every_reference_page_is_generated() -> None:
    assert {path.name for path in REFERENCE.iterdir()} == PAGES.keys()


def test_every_aggregate_and_every_event_says_what_it_is() -> None:
    kinds = [kind for aggregate in aggregates() for kind in (aggregate, *events_of(aggregate))]
    assert [kind.__qualname__ for kind in kinds if not documented(kind)] == []
