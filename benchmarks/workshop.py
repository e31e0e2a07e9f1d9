"""From starting a workshop of ten seats until it runs, beside ten `docker run -d` of the same image at once."""

from __future__ import annotations

import asyncio
import time
from statistics import median

import httpx

from benchmarks.docker import docker, lacking, tidy
from benchmarks.latency import IMAGE, frame, installation, watching
from benchmarks.place import Place
from benchmarks.rows import Figure, Row

SEATS = 10
TIMES = 2.0  # what must hold: so many times the bound
WHAT, MUST = f"start of {SEATS} seats to workshop.started", f"<= {TIMES:.0f} times"
NEW = {"name": "bench", "seats": SEATS, "api_key": "sk-ant-of-a-benchmark"}


async def run(place: Place) -> list[Row]:
    if reason := await lacking(IMAGE):
        return [Row("workshop", WHAT, None, must=MUST, note=f"skipped: {reason}")]
    times = 1 if place.quick else 5
    starts, stops, bound = [], [], []
    with place.database() as database:
        try:
            settings = {"machines": "docker", "workspace_image": IMAGE}
            async with place.tenure(database, "real", **settings) as server, watching(server) as (client, frames):
                made = (await client.post("/api/workshops", json=NEW)).raise_for_status().json()["workshop"]
                for nth in range(times + 1):
                    started = await timed(client, frames, made["id"], "start", "workshop.started")
                    stopped = await timed(client, frames, made["id"], "stop", "workshop.stopped")
                    ran = await docker_run()
                    if nth:  # the first of each warms caches
                        starts.append(started)
                        stops.append(stopped)
                        bound.append(ran)
        finally:
            await tidy(installation(database))
    ok = median(starts) <= TIMES * median(bound)
    note = f"median of {times}; slowest {max(starts):.1f} s; a stop takes {median(stops):.1f} s"
    measured, bounds = Figure(median(starts), "s"), Figure(median(bound), "s")
    return [Row("workshop", WHAT, measured, bounds, f"{SEATS} docker run -d at once", MUST, ok, note)]


async def timed(client: httpx.AsyncClient, frames: object, id: str, what: str, until: str) -> float:
    began = time.perf_counter()
    (await client.post(f"/api/workshops/{id}/{what}")).raise_for_status()
    await frame(frames, until)  # type: ignore[arg-type]
    return time.perf_counter() - began


async def docker_run() -> float:
    """Seconds until the last of them runs."""
    began = time.perf_counter()
    ran = await asyncio.gather(*(docker("run", "--detach", IMAGE) for _ in range(SEATS)))
    seconds = time.perf_counter() - began
    await docker("rm", "--force", "--volumes", *(container for (container,) in ran))
    return seconds
