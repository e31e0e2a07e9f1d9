"""Fixture: a client on this machine that sends no credentials."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.server import Served


@pytest.fixture
async def client(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with tenure.client(None) as client:
        yield client
