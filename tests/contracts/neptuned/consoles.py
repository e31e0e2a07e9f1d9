"""The consoles of virtual machines, as those who watch them ask for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from websockets import ClientConnection, InvalidStatus, connect

from tests.contracts.neptuned.people import BASE
from tests.support.painted_vms import Browser
from tests.support.server import WAIT_TIMEOUT_S, Served


def token(client: httpx.AsyncClient) -> str:
    return client.headers["authorization"].partition(" ")[2]


def address(tenure: Served, vm: str, **query: str) -> str:
    return f"{tenure.url.replace('http', 'ws', 1)}{BASE}/connect/{vm}?{urlencode(query)}"


class Watching(Browser):
    """A browser whose WebSocket is at hand."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__()
        self.socket = socket

    async def arrange(self) -> None:
        """Until something is seen."""
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            while (said := json.loads(await self.socket.recv()))["event"] != "offer":
                pass
            answer = await self.answer(said["data"])
            await self.socket.send(json.dumps({"event": "answer", "data": answer}))
            await self.track.recv()
            await self.open.wait()


@asynccontextmanager
async def watching(tenure: Served, client: httpx.AsyncClient, vm: str = "lab", **query: str) -> AsyncIterator[Watching]:
    async with connect(address(tenure, vm, token=token(client), **query), proxy=None, max_queue=None) as socket:
        it = Watching(socket)
        try:
            await it.arrange()
            yield it
        finally:
            await it.peer.close()


async def turned_away(tenure: Served, status: int, says: str = "", vm: str = "lab", **query: str) -> Any:
    """In the handshake, in the contract's shape."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address(tenure, vm, **query), proxy=None):
            pass
    answer = refused.value.response
    assert answer.status_code == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    body = json.loads(answer.body or b"")
    assert list(body) == ["error"] and says in body["error"], body
