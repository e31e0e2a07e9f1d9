"""Fan-out: what happens to one user's workspaces, told to 500 streams, beside a bare ASGI app that does the same."""

from __future__ import annotations

import json
import sys
from asyncio import create_subprocess_exec, timeout
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import psutil
import psycopg

from benchmarks.place import Place, Server
from benchmarks.rows import Figure, Row
from benchmarks.stored import platform, running, store

READERS = 500
THOUSAND = 1_000
STREAM = "/api/v1/events"


async def run(place: Place) -> list[Row]:
    events = 200 if place.quick else 1_000
    with place.database() as database:
        async with place.tenure(database) as server:
            told, size = await tenure(server, database, events)
            memory = await per_thousand(server, STREAM)
    async with place.bare("fan") as server:
        bare = await bare_fan(server, events, size)
        least = await per_thousand(server, "/")
    return [
        Row(
            "fanout",
            f"deliveries to {READERS} SSE readers, {events} events",
            Figure(told, "/s"),
            Figure(bare, "/s"),
            "a bare ASGI app, same frames",
        ),
        Row("fanout", "memory of 1,000 SSE readers", Figure(memory, "MB"), Figure(least, "MB"), "a bare ASGI app"),
    ]


async def tenure(server: Server, database: str, events: int) -> tuple[float, int]:
    """Deliveries a second, from the first event at any reader to the last at all; and the bytes of one."""
    owner = await user(server, database)
    async with reading(server.url + STREAM, READERS, events) as readers:
        with platform(database) as log:
            await store(log, [running(owner_id=owner) for _ in range(events // 2)])
        return await result(readers)


async def bare_fan(server: Server, events: int, size: int) -> float:
    frame = b"id: 1\r\nevent: workspace.nothing\r\ndata: "
    frame += b"x" * (size - len(frame) - 4) + b"\r\n\r\n"
    async with reading(server.url + "/", READERS, events) as readers, httpx.AsyncClient() as client:
        await client.post(server.url, content=frame * events)
        return (await result(readers))[0]


async def per_thousand(server: Server, path: str) -> float:
    """Megabytes (of 1,000,000 bytes) by which the server has grown when so many read."""
    process = psutil.Process(server.pid)
    async with reading(server.url + path, 50, 0):
        pass  # what the first ones load stays
    before = process.memory_info().rss
    async with reading(server.url + path, THOUSAND, 0):
        return (process.memory_info().rss - before) / 1e6


async def user(server: Server, database: str) -> UUID:
    """Who the readers are."""
    async with httpx.AsyncClient(headers={"x-user": "bench"}) as client:
        (await client.get(f"{server.url}/api/v1/workspaces")).raise_for_status()
    conn = await psycopg.AsyncConnection.connect(database)
    async with conn:
        cur = await conn.execute("select user_id from identities where subject = 'bench'")
        ((id,),) = await cur.fetchall()
        return UUID(str(id))


@asynccontextmanager
async def reading(url: str, count: int, events: int) -> AsyncIterator[Process]:
    """Readers in another process, from when all are ready."""
    command = [sys.executable, "-m", "benchmarks.readers", url, str(count), str(events)]
    process = await create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdin and process.stdout
    try:
        async with timeout(60):
            if await process.stdout.readline() != b"ready\n":
                raise RuntimeError("the readers did not get ready; what they said is above")
        yield process
        process.stdin.close()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


async def result(readers: Process) -> tuple[float, int]:
    assert readers.stdout
    async with timeout(120):
        said = json.loads(await readers.stdout.readline())
    return said["deliveries"] / said["seconds"], round(said["bytes"] / said["deliveries"])
