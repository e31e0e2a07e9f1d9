"""Measures the start of a workshop of ten seats, beside ten `docker run -d` of the same image at once."""

from __future__ import annotations

import asyncio
import time
from statistics import median

import httpx

from benchmarks.docker import docker, missing_requirement, remove_all
from benchmarks.environment import Environment
from benchmarks.latency import IMAGE, Frames, event_stream, installation_id, next_frame
from benchmarks.rows import Figure, Row

SEATS = 10
MAX_RATIO = 2.0
TITLE, MUST = f"start of {SEATS} seats to workshop.started", f"<= {MAX_RATIO:.0f} times"
NEW_WORKSHOP = {"name": "bench", "seats": SEATS, "api_key": "sk-ant-of-a-benchmark"}


async def run(env: Environment) -> list[Row]:
    if reason := await missing_requirement(IMAGE):
        return [Row("workshop", TITLE, None, must=MUST, note=f"skipped: {reason}")]
    times = 1 if env.quick else 5
    starts, stops, bound = [], [], []
    with env.database() as database:
        try:
            settings = {"machines": "docker", "workspace_image": IMAGE}
            async with env.tenure(database, "real", **settings) as server, event_stream(server) as (client, frames):
                workshop = (
                    (await client.post("/api/workshops", json=NEW_WORKSHOP)).raise_for_status().json()["workshop"]
                )
                for nth in range(times + 1):
                    start_seconds = await run_action(client, frames, workshop["id"], "start", "workshop.started")
                    stop_seconds = await run_action(client, frames, workshop["id"], "stop", "workshop.stopped")
                    docker_seconds = await docker_run()
                    if nth:  # the first of each fills caches
                        starts.append(start_seconds)
                        stops.append(stop_seconds)
                        bound.append(docker_seconds)
        finally:
            await remove_all(installation_id(database))
    ok = median(starts) <= MAX_RATIO * median(bound)
    note = f"median of {times}; slowest {max(starts):.1f} s; a stop takes {median(stops):.1f} s"
    measured, bounds = Figure(median(starts), "s"), Figure(median(bound), "s")
    return [Row("workshop", TITLE, measured, bounds, f"{SEATS} docker run -d at once", MUST, ok, note)]


async def run_action(client: httpx.AsyncClient, frames: Frames, id: str, action: str, event: str) -> float:
    """Seconds from the request for an action to the frame of its event."""
    began = time.perf_counter()
    (await client.post(f"/api/workshops/{id}/{action}")).raise_for_status()
    await next_frame(frames, event)
    return time.perf_counter() - began


async def docker_run() -> float:
    """Seconds until the last of ten containers runs. They are removed."""
    began = time.perf_counter()
    outputs = await asyncio.gather(*(docker("run", "--detach", IMAGE) for _ in range(SEATS)))
    seconds = time.perf_counter() - began
    await docker("rm", "--force", "--volumes", *(container for (container,) in outputs))
    return seconds
