"""Measures the time from the POST to the frame of the running workspace, beside `docker run -d` of the same image."""

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

from benchmarks.docker import docker, missing_requirement, remove_all
from benchmarks.environment import Environment, Server
from benchmarks.rows import Figure, Row

IMAGE = os.environ.get("TENURE_TEST_IMAGE", "tenure-workspace:latest")
MAX_RATIO, MARGIN_MS = 1.5, 50.0  # the figure must be within that many times the bound, and a margin
TITLE = "POST to the frame workspace.provisioned"
MUST = f"<= {MAX_RATIO} times + {MARGIN_MS:.0f} ms"
Frames = AsyncIterator[ServerSentEvent]


async def run(env: Environment) -> list[Row]:
    times = 5 if env.quick else 20
    return [await measure_fake(env, times), await measure_docker(env, times)]


async def measure_fake(env: Environment, times: int) -> Row:
    """With an engine that does nothing, beside a POST that does nothing."""
    waits, bound = [], []
    with env.database() as database:
        async with env.tenure(database) as server, event_stream(server) as (client, frames):
            for _ in range(times):
                waits.append((await create_running(client, frames))[0])
                bound.append(await post_no_op(client))
    note = f"median of {times}"
    return Row(
        "latency", f"{TITLE}, an engine that does nothing", median_ms(waits), median_ms(bound), "no-op POST", note=note
    )


async def measure_docker(env: Environment, times: int) -> Row:
    """With Docker, beside its command line."""
    title = f"{TITLE}, Docker"
    if reason := await missing_requirement(IMAGE):
        return Row("latency", title, None, must=MUST, note=f"skipped: {reason}")
    waits, bound = [], []
    settings = {"machines": "docker", "workspace_image": IMAGE}
    with env.database() as database:
        try:
            async with env.tenure(database, "real", **settings) as server, event_stream(server) as (client, frames):
                for nth in range(times + 1):
                    seconds, id = await create_running(client, frames)
                    await client.delete(f"/api/v1/workspaces/{id}")
                    await next_frame(frames, "workspace.destroyed", id)
                    docker_seconds = await docker_run()
                    if nth:  # the first of each fills caches
                        waits.append(seconds)
                        bound.append(docker_seconds)
        finally:
            await remove_all(installation_id(database))
    ok = median(waits) * 1000 <= MAX_RATIO * median(bound) * 1000 + MARGIN_MS
    note = f"median of {times}, slowest {max(waits) * 1000:.0f} ms"
    return Row("latency", title, median_ms(waits), median_ms(bound), "docker run -d, same image", MUST, ok, note)


@asynccontextmanager
async def event_stream(server: Server) -> AsyncIterator[tuple[httpx.AsyncClient, Frames]]:
    """A client, and the stream of the events of its user."""
    session = httpx.AsyncClient(base_url=server.url, headers={"x-user": "bench"}, timeout=60)
    async with session as client, aconnect_sse(client, "GET", "/api/v1/events") as stream:
        frames = stream.aiter_sse()
        await next_frame(frames, "ready")
        yield client, frames


async def create_running(client: httpx.AsyncClient, frames: Frames) -> tuple[float, str]:
    """Create a workspace and wait until it runs. Returns the seconds, and its id."""
    began = time.perf_counter()
    response = await client.post("/api/v1/workspaces", json={"name": "bench"})
    id = response.raise_for_status().json()["id"]
    await next_frame(frames, "workspace.provisioned", id)
    return time.perf_counter() - began, id


async def next_frame(frames: Frames, kind: str, subject: str | None = None) -> dict[str, Any]:
    """The data of the next frame of this kind about this subject. Raises if the workspace fails instead."""
    async with timeout(60):
        async for event in frames:
            data: dict[str, Any] = json.loads(event.data or "{}")  # a comment between frames is an event without data
            if event.event == "workspace.provisioning_failed":
                raise RuntimeError(data["facts"]["reason"])
            if event.event == kind and subject in (None, data.get("subject")):
                return data
    raise RuntimeError(f"the stream ended before {kind}")


async def post_no_op(client: httpx.AsyncClient) -> float:
    """Seconds of a POST that does nothing."""
    began = time.perf_counter()
    (await client.post("/api/v1/nothing", json={"name": "bench"})).raise_for_status()
    return time.perf_counter() - began


async def docker_run() -> float:
    """Seconds until `docker run -d` returns. The container is removed."""
    began = time.perf_counter()
    (container,) = await docker("run", "--detach", IMAGE)
    seconds = time.perf_counter() - began
    await docker("rm", "--force", "--volumes", container)
    return seconds


def installation_id(database: str) -> str:
    """The id of the installation on this database, which labels its containers."""
    with psycopg.connect(database) as conn:
        ((id,),) = conn.execute("select id from installation").fetchall()
        return str(id)


def median_ms(seconds: list[float]) -> Figure:
    """The median, in milliseconds."""
    return Figure(median(seconds) * 1000, "ms")
