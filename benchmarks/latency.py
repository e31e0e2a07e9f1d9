"""From the POST to the frame that says that the workspace runs, beside `docker run -d` of the same image."""

from __future__ import annotations

import json
import os
import time
from asyncio import timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import httpx
import psycopg
from httpx_sse import ServerSentEvent, aconnect_sse

from benchmarks.docker import docker, lacking, tidy
from benchmarks.place import Place, Server
from benchmarks.rows import Figure, Row

IMAGE = os.environ.get("TENURE_TEST_IMAGE", "tenure-workspace:latest")
TIMES, MORE = 1.5, 50.0  # what must hold: so many times the bound, and so many milliseconds more
WHAT = "POST to the frame workspace.provisioned"
MUST = f"<= {TIMES} times + {MORE:.0f} ms"
Frames = AsyncIterator[ServerSentEvent]


async def run(place: Place) -> list[Row]:
    times = 5 if place.quick else 20
    return [await with_fake(place, times), await with_docker(place, times)]


async def with_fake(place: Place, times: int) -> Row:
    waits, bound = [], []
    with place.database() as database:
        async with place.tenure(database) as server, watching(server) as (client, frames):
            for _ in range(times):
                waits.append((await until_running(client, frames))[0])
                bound.append(await no_op(client))
    note = f"median of {times}"
    return Row("latency", f"{WHAT}, an engine that does nothing", ms(waits), ms(bound), "no-op POST", note=note)


async def with_docker(place: Place, times: int) -> Row:
    what = f"{WHAT}, Docker"
    if reason := await lacking(IMAGE):
        return Row("latency", what, None, must=MUST, note=f"skipped: {reason}")
    waits, bound = [], []
    settings = {"machines": "docker", "workspace_image": IMAGE}
    with place.database() as database:
        try:
            async with place.tenure(database, "real", **settings) as server, watching(server) as (client, frames):
                for nth in range(times + 1):
                    seconds, id = await until_running(client, frames)
                    await client.delete(f"/api/v1/workspaces/{id}")
                    await frame(frames, "workspace.destroyed", id)
                    ran = await docker_run()
                    if nth:  # the first of each warms caches
                        waits.append(seconds)
                        bound.append(ran)
        finally:
            await tidy(installation(database))
    ok = median(waits) * 1000 <= TIMES * median(bound) * 1000 + MORE
    note = f"median of {times}, slowest {max(waits) * 1000:.0f} ms"
    return Row("latency", what, ms(waits), ms(bound), "docker run -d, same image", MUST, ok, note)


@asynccontextmanager
async def watching(server: Server) -> AsyncIterator[tuple[httpx.AsyncClient, Frames]]:
    """A client, and the stream of what happens to what is theirs."""
    who = httpx.AsyncClient(base_url=server.url, headers={"x-user": "bench"}, timeout=60)
    async with who as client, aconnect_sse(client, "GET", "/api/v1/events") as stream:
        frames = stream.aiter_sse()
        await frame(frames, "ready")
        yield client, frames


async def until_running(client: httpx.AsyncClient, frames: Frames) -> tuple[float, str]:
    """Seconds, and the workspace's id."""
    began = time.perf_counter()
    made = await client.post("/api/v1/workspaces", json={"name": "bench"})
    id = made.raise_for_status().json()["id"]
    await frame(frames, "workspace.provisioned", id)
    return time.perf_counter() - began, id


async def frame(frames: Frames, kind: str, subject: str | None = None) -> dict[str, Any]:
    """The next of this kind about this subject. Raises if the workspace has failed instead."""
    async with timeout(60):
        async for told in frames:
            data: dict[str, Any] = json.loads(told.data or "{}")  # a comment between frames comes as an empty one
            if told.event == "workspace.provisioning_failed":
                raise RuntimeError(data["facts"]["reason"])
            if told.event == kind and subject in (None, data.get("subject")):
                return data
    raise RuntimeError(f"the stream ended before {kind}")


async def no_op(client: httpx.AsyncClient) -> float:
    began = time.perf_counter()
    (await client.post("/api/v1/nothing", json={"name": "bench"})).raise_for_status()
    return time.perf_counter() - began


async def docker_run() -> float:
    began = time.perf_counter()
    (container,) = await docker("run", "--detach", IMAGE)
    seconds = time.perf_counter() - began
    await docker("rm", "--force", "--volumes", container)
    return seconds


def installation(database: str) -> str:
    with psycopg.connect(database) as conn:
        ((id,),) = conn.execute("select id from installation").fetchall()
        return str(id)


def ms(seconds: list[float]) -> Figure:
    return Figure(median(seconds) * 1000, "ms")
