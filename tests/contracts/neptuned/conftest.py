"""Fixtures: an administrator, a user, and a client that has not logged in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.contracts.neptuned.people import nobody, person
from tests.support.server import Served, served


@pytest.fixture
async def tenure(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """A whole Tenure over HTTP, on which machines may have a custom_cmd."""
    async with served(database, tmp_path, vm_custom_cmd=True) as serving:
        yield serving


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
