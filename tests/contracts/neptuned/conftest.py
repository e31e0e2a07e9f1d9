"""Fixtures: an administrator, a user, and a client that has not logged in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.contracts.neptuned.people import nobody, person
from tests.support.server import Served


@pytest.fixture
async def client(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    """A client that has not logged in."""
    async with nobody(tenure) as client:
        yield client


@pytest.fixture
async def ada(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Ada is an administrator, because she registered first."""
    async with person(tenure, "ada") as client:
        yield client


@pytest.fixture
async def bob(tenure: Served, ada: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """Bob is an ordinary user, because he registered second."""
    async with person(tenure, "bob") as client:
        yield client
