"""Fixtures: two users of vm-api."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.server import Served


@pytest.fixture
async def alice(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with tenure.client("alice") as client:
        yield client


@pytest.fixture
async def bob(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with tenure.client("bob") as client:
        yield client
