"""Who asks: somebody on this machine who does not say who they are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.server import Served


@pytest.fixture
async def client(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with tenure.client(None) as client:
        yield client
