"""Somebody whose questions must not do any harm."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from tests.contracts.asking import fine
from tests.support.server import Served, eventually


@pytest_asyncio.fixture(loop_scope="module")
async def anna(house: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who asks. Whatever she asks, Tenure is well afterwards, and shows all that it has stored."""
    async with house.client("anna") as client:
        yield client

        async def is_well() -> bool:
            told = fine(await client.get("/health/ready"))
            return bool(told["parts"]["follower"]["lag"] == 0)

        await eventually(is_well)
