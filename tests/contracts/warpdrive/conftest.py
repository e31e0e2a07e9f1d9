"""Who hosts, and who would join."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.contracts.warpdrive.people import keyholder
from tests.support.server import Served


@pytest.fixture
async def anna(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    """She hosts."""
    async with keyholder(tenure, "anna") as client:
        yield client


@pytest.fixture
async def ben(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    """He would join."""
    async with keyholder(tenure, "ben") as client:
        yield client
