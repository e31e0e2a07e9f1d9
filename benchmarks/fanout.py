"""Measures the delivery of one user's events to 500 streams, beside a bare ASGI app that does the same."""

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

from benchmarks.environment import Environment, Server
from benchmarks.rows import Figure, Row
from benchmarks.stored_workspaces import running_workspace, store
from tests.support.databases import platform_on

READERS = 500
MEMORY_READERS = 1_000
STREAM = "/api/v1/events"


async def run(env: Environment) -> list[Row]:
    events = 200 if env.quick else 1_000
    with env.database() as database:
        async with env.tenure(database) as server:
            deliveries, size = await measure_tenure(server, database, events)
            memory = await memory_of_readers(server, STREAM)
    async with env.baseline("fan") as server:
        bound = await measure_baseline(server, events, size)
        memory_bound = await memory_of_readers(server, "/")
    return [
        Row(
            "fanout",
            f"deliveries to {READERS} SSE readers, {events} events",
            Figure(deliveries, "/s"),
            Figure(bound, "/s"),
            "a bare ASGI app, same frames",
        ),
        Row(
            "fanout", "memory of 1,000 SSE readers", Figure(memory, "MB"), Figure(memory_bound, "MB"), "a bare ASGI app"
        ),
    ]


async def measure_tenure(server: Server, database: str, events: int) -> tuple[float, int]:
    """Deliveries a second, from the first event at any reader to the last at all of them; and the bytes of one."""
    owner = await reader_id(server, database)
    async with stream_readers(server.url + STREAM, READERS, events) as readers:
        with platform_on(database) as platform:
            await store(platform, [running_workspace(owner_id=owner) for _ in range(events // 2)])
        return await result(readers)


async def measure_baseline(server: Server, events: int, size: int) -> float:
    """Deliveries a second of frames of this many bytes."""
    frame = b"id: 1\r\nevent: workspace.nothing\r\ndata: "
    frame += b"x" * (size - len(frame) - 4) + b"\r\n\r\n"
    async with stream_readers(server.url + "/", READERS, events) as readers, httpx.AsyncClient() as client:
        await client.post(server.url, content=frame * events)
        return (await result(readers))[0]


async def memory_of_readers(server: Server, path: str) -> float:
    """Megabytes (of 1,000,000 bytes) by which the server grows while 1,000 readers are connected."""
    process = psutil.Process(server.pid)
    async with stream_readers(server.url + path, 50, 0):
        pass  # the first readers make the server load modules, which stay
    before = process.memory_info().rss
    async with stream_readers(server.url + path, MEMORY_READERS, 0):
        return (process.memory_info().rss - before) / 1e6


async def reader_id(server: Server, database: str) -> UUID:
    """The user that all readers sign in as."""
    async with httpx.AsyncClient(headers={"x-user": "bench"}) as client:
        (await client.get(f"{server.url}/api/v1/workspaces")).raise_for_status()
    conn = await psycopg.AsyncConnection.connect(database)
    async with conn:
        cur = await conn.execute("select user_id from identities where subject = 'bench'")
        ((id,),) = await cur.fetchall()
        return UUID(str(id))


@asynccontextmanager
async def stream_readers(url: str, count: int, events: int) -> AsyncIterator[Process]:
    """Run readers in another process; yields when all are ready."""
    command = [sys.executable, "-m", "benchmarks.stream_readers", url, str(count), str(events)]
    process = await create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdin and process.stdout
    try:
        async with timeout(60):
            if await process.stdout.readline() != b"ready\n":
                raise RuntimeError("the readers did not get ready; their output is above")
        yield process
        process.stdin.close()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


async def result(readers: Process) -> tuple[float, int]:
    """Deliveries a second, and the bytes of one."""
    assert readers.stdout
    async with timeout(120):
        figures = json.loads(await readers.stdout.readline())
    return figures["deliveries"] / figures["seconds"], round(figures["bytes"] / figures["deliveries"])
