"""Clients that watch consoles of virtual machines over a WebSocket and WebRTC."""

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
    """A WebRTC client with the WebSocket that it negotiates over."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__()
        self.socket = socket

    async def arrange(self) -> None:
        """Negotiate the connection, and wait for the first frame and the data channel."""
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            while (message := json.loads(await self.socket.recv()))["event"] != "offer":
                pass
            answer = await self.answer(message["data"])
            await self.socket.send(json.dumps({"event": "answer", "data": answer}))
            await self.track.recv()
            await self.open.wait()


@asynccontextmanager
async def watching(tenure: Served, client: httpx.AsyncClient, vm: str = "lab", **query: str) -> AsyncIterator[Watching]:
    async with connect(address(tenure, vm, token=token(client), **query), proxy=None, max_queue=None) as socket:
        viewer = Watching(socket)
        try:
            await viewer.arrange()
            yield viewer
        finally:
            await viewer.peer.close()


async def turned_away(tenure: Served, status: int, says: str = "", vm: str = "lab", **query: str) -> Any:
    """Check that the handshake is refused with this status, and an error in Neptuned's shape."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address(tenure, vm, **query), proxy=None):
            pass
    answer = refused.value.response
    assert answer.status_code == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    body = json.loads(answer.body or b"")
    assert list(body) == ["error"] and says in body["error"], body
