"""Who asks, in the tests of Neptuned."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.contracts.neptuned.people import nobody, person
from tests.support.server import Served


@pytest.fixture
async def client(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has not logged in."""
    async with nobody(tenure) as client:
        yield client


@pytest.fixture
async def ada(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator: she came first."""
    async with person(tenure, "ada") as client:
        yield client


@pytest.fixture
async def bob(tenure: Served, ada: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who came later."""
    async with person(tenure, "bob") as client:
        yield client
