"""A reader that takes nothing is cut off: it holds up nobody, and what waits for it is bounded."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID
from weakref import ref

import httpx
import pytest

from interfaces.native import stream as streaming
from projections.pushes import Batch
from projections.trail import Entry
from tests.contracts.asking import WORKSPACES, create, fine
from tests.contracts.raw import request
from tests.serving import PATIENCE, Served, eventually, served, stream

BOUND = 8  # messages
BIG = "a" * 100_000  # more of these than the sockets hold, soon
FLOOD = 400
HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


@pytest.fixture
async def tenure(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr(streaming, "SEND_SECONDS", 0.5)
    async with served(database, tmp_path, reader_queue=BOUND) as serving:
        yield serving


@asynccontextmanager
async def deaf(tenure: Served, *headers: str) -> AsyncIterator[socket.socket]:
    """A reader that has asked for the stream and reads nothing of it."""
    url = httpx.URL(tenure.url)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, (url.host, url.port))
        await loop.sock_sendall(connection, request("GET /api/v1/events", *headers))
        await eventually(lambda: is_read_by(tenure, 1))
        yield connection


async def is_read_by(tenure: Served, count: int) -> bool:
    return tenure.tenure.hub.readers == count


async def flood(tenure: Served, owner: UUID) -> list[ref[Entry]]:
    """Tell the owner a lot, as the follower would. Returns what was told, without keeping it."""
    hub, told = tenure.tenure.hub, []
    for _ in range(FLOOD):
        after = hub.position
        now = tenure.tenure.deps.clock()
        entry = Entry(after + 1, owner, 1, "workspace.noted", now, None, owner, "", None, {"text": BIG}, None)
        told.append(ref(entry))
        batch = Batch(after, after + 1, [entry])
        del entry
        await hub.receive(batch)
        del batch
        assert alive(told) <= 3 * BOUND  # with one reader: in its queue, on its way out, and in hand
    return told


def alive(told: list[ref[Entry]]) -> int:
    return sum(it() is not None for it in told)


@pytest.mark.parametrize("headers", [(), (*HANDSHAKE, KEY)], ids=["sse", "websocket"])
async def test_it_is_cut_off_and_what_waited_for_it_is_let_go(
    tenure: Served, alice: httpx.AsyncClient, headers: tuple[str, ...]
) -> None:
    owner = await tenure.tenure.deps.people.identify("vm", "alice")
    async with deaf(tenure, *headers):
        told = await flood(tenure, owner)
        await eventually(lambda: is_read_by(tenure, 0))
        await eventually(lambda: none_alive(told))
    fine(await alice.get(WORKSPACES))


async def none_alive(told: list[ref[Entry]]) -> bool:
    return alive(told) == 0


async def test_nobody_else_is_held_up(tenure: Served, alice: httpx.AsyncClient) -> None:
    async with deaf(tenure), stream(alice) as events:
        ids = [(await create(alice, name="a" * 100))["id"] for _ in range(10 * BOUND)]
        seen: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while len(seen) < len(ids):
                event = await anext(events)
                if event.event == "workspace.requested":
                    seen.append(event.json()["subject"])
        assert seen == ids
