"""Fixtures: a host and a guest."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.contracts.warpdrive.people import keyholder
from tests.support.server import Served


@pytest.fixture
async def anna(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Anna hosts sessions."""
    async with keyholder(tenure, "anna") as client:
        yield client


@pytest.fixture
async def ben(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Ben asks to join sessions."""
    async with keyholder(tenure, "ben") as client:
        yield client
