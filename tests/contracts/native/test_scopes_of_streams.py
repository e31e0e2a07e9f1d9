"""A scope limits a role on streams as it does on requests."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.contracts.asking import create, fine
from tests.contracts.chrote.people import invited, member
from tests.support.api_keys import bearing, exchanged, new_key, program
from tests.support.server import Served, stream, until

pytestmark = pytest.mark.fault("F12")


async def requested_by_stream(client: httpx.AsyncClient, own: httpx.AsyncClient, other: httpx.AsyncClient) -> str:
    """The name in the first request for a workspace that a stream shows, after somebody else made one and one's own."""
    async with stream(client) as events:
        await create(other, name="of somebody else")
        await create(own, name="one's own")
        event = await until(events, "workspace.requested")
        return str(event["facts"]["name"])


@pytest.mark.parametrize("by", ["key", "token"])
@pytest.mark.parametrize(("scope", "first"), [("read", "one's own"), ("audit", "of somebody else")])
async def test_an_owners_key_sees_what_its_scope_allows(tenure: Served, scope: str, first: str, by: str) -> None:
    async with member(tenure, "olga") as olga, tenure.client("alice") as alice:
        key = (await new_key(olga, scopes=[scope]))["key"]
        headers = {"X-API-Key": key} if by == "key" else bearing(await exchanged(tenure.url, key))
        async with program(tenure, **headers) as client:
            assert await requested_by_stream(client, olga, alice) == first


async def test_it_still_does_after_a_change_of_the_role(tenure: Served) -> None:
    async with AsyncExitStack() as stack:
        olga = await stack.enter_async_context(member(tenure, "olga"))
        vera = await stack.enter_async_context(member(tenure, "vera", await invited(olga)))
        alice = await stack.enter_async_context(tenure.client("alice"))
        key = (await new_key(vera, scopes=["read"]))["key"]
        id = fine(await vera.get("/auth/me"))["id"]
        address = tenure.url.replace("http", "ws", 1) + "/api/v1/events"
        async with connect(address, additional_headers={"X-API-Key": key}, proxy=None) as socket:
            assert json.loads(await socket.recv())["event"] == "ready"
            fine(await olga.patch(f"/api/users/{id}/role", json={"role": "admin"}))
            await create(alice, name="of somebody else")
            await create(vera, name="one's own")
            while (message := json.loads(await socket.recv()))["event"] != "workspace.requested":
                pass
            assert message["facts"]["name"] == "one's own"
