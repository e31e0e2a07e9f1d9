"""A client that does not read is disconnected. It delays no other client, and its queue is bounded."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast
from uuid import UUID
from weakref import ref

import httpx
import pytest

from interfaces.http import sse
from interfaces.native import stream as streaming
from projections.hub import Batch
from projections.trail import Entry, Facts
from tests.support.raw_http import request
from tests.support.server import WAIT_TIMEOUT_S, Served, eventually, served, stream

MAX_QUEUED_MESSAGES = 64  # of BIG each: more than the sockets' buffers hold
BIG = "a" * 100_000
FLOOD_MESSAGES = 400
HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


@pytest.fixture
async def tenure(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    for part in (streaming, sse):
        monkeypatch.setattr(part, "SEND_TIMEOUT_S", 0.5)
    async with served(database, tmp_path, reader_queue=MAX_QUEUED_MESSAGES) as serving:
        yield serving


@asynccontextmanager
async def deaf(tenure: Served, *headers: str) -> AsyncIterator[socket.socket]:
    """A client that has requested the stream and never reads from its socket."""
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


async def flood(tenure: Served, deaf: UUID, other: UUID) -> list[ref[Entry]]:
    """Send many events to both readers, with big ones for the deaf one. Returns weak references to those."""
    hub, refs = tenure.tenure.hub, []
    for _ in range(FLOOD_MESSAGES):
        after = hub.position
        entries = [noted(tenure, after + 1, deaf, BIG), noted(tenure, after + 2, other, "")]
        refs.append(ref(entries[0]))
        batch = Batch(after, after + 2, entries)
        del entries
        await hub.receive(batch)
        del batch
        assert alive(refs) <= 3 * MAX_QUEUED_MESSAGES  # queued, being written, and held by the reader's task
    return refs


def noted(tenure: Served, position: int, owner: UUID, text: str) -> Entry:
    now = tenure.tenure.deps.native.clock()
    facts = cast(Facts, {"text": text})  # of an event that no code reads
    return Entry(position, owner, 1, "workspace.noted", now, None, owner, False, "", None, facts, None)


def alive(refs: list[ref[Entry]]) -> int:
    return sum(entry() is not None for entry in refs)


async def none_alive(refs: list[ref[Entry]]) -> bool:
    return alive(refs) == 0


@pytest.mark.fault("F55")
@pytest.mark.parametrize("headers", [(), (*HANDSHAKE, KEY)], ids=["sse", "websocket"])
async def test_it_is_cut_off_what_waited_for_it_is_let_go_and_nobody_else_notices(
    tenure: Served, bob: httpx.AsyncClient, headers: tuple[str, ...]
) -> None:
    people = tenure.tenure.deps.http.people
    async with deaf(tenure, *headers), stream(bob) as events:
        refs = await flood(tenure, await people.identify("vm", "alice"), await people.identify("vm", "bob"))
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            positions = [int((await anext(events)).id) for _ in range(FLOOD_MESSAGES)]
        assert positions == [2 * nth for nth in range(1, FLOOD_MESSAGES + 1)]
        await eventually(lambda: is_read_by(tenure, 1))
        await eventually(lambda: none_alive(refs))
