"""Fixture: a client whose requests must leave Tenure healthy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from tests.contracts.asking import fine
from tests.support.server import Served, eventually


@pytest_asyncio.fixture(loop_scope="module")
async def anna(house: Served) -> AsyncIterator[httpx.AsyncClient]:
    """A client. After the test, Tenure must answer readiness checks and have no events left to follow."""
    async with house.client("anna") as client:
        yield client

        async def is_well() -> bool:
            body = fine(await client.get("/health/ready"))
            return bool(body["parts"]["follower"]["lag"] == 0)

        await eventually(is_well)
