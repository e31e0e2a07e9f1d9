"""Measures what it costs that a read waits for the follower, beside the same query without the wait."""

from __future__ import annotations

import asyncio
from statistics import median

import httpx

from benchmarks.creates import BODY
from benchmarks.environment import Environment, Server
from benchmarks.load import Load, load
from benchmarks.rows import Figure, Row
from benchmarks.stored_workspaces import SETTLED, wait_until

LISTED_WORKSPACES = 20
CLIENTS = 32
CREATING_CLIENTS = 8  # while others read
BOUND = "the same query without the wait"


async def run(env: Environment) -> list[Row]:
    with env.database() as database:
        async with env.tenure(database) as server:
            id = await create_workspaces(server)
            await wait_until(database, SETTLED)
            seconds = 1 if env.quick else 4
            rows = [
                await measure_quiet(server, f"GET a list of {LISTED_WORKSPACES}", "", seconds),
                await measure_quiet(server, "GET one", f"/{id}", seconds),
            ]
            rows.append(await beside_fastapi(env, rows[1], seconds))
            rows += [
                await measure_busy(server, f"GET a list of {LISTED_WORKSPACES}", "", seconds),
                await measure_busy(server, "GET one", f"/{id}", seconds),
            ]
    return rows


async def create_workspaces(server: Server) -> str:
    """Create as many workspaces as are listed. Returns the id of the last one."""
    async with httpx.AsyncClient(headers={"x-user": "bench"}) as client:
        for _ in range(LISTED_WORKSPACES):
            response = await client.post(f"{server.url}/api/v1/workspaces", json={"name": "bench"})
        return str(response.json()["id"])


async def measure_quiet(server: Server, title: str, path: str, seconds: float) -> Row:
    """Requests a second while nothing is created."""
    loads, bounds = await measure_in_turns(server, path, seconds)
    return Row(
        "reads",
        f"{title}, {CLIENTS} clients",
        Figure(median(load.per_second for load in loads), "/s"),
        Figure(median(load.per_second for load in bounds), "/s"),
        BOUND,
    )


async def measure_busy(server: Server, title: str, path: str, seconds: float) -> Row:
    """Milliseconds of a read while others create without a pause, so that the read models are always behind."""
    creating = asyncio.create_task(
        load(f"{server.url}/api/v1/workspaces", 6 * seconds + 2, BODY, CREATING_CLIENTS, "maker")
    )
    loads, bounds = await measure_in_turns(server, path, seconds, clients=1)
    creates = await creating
    return Row(
        "reads",
        f"{title}, 1 client, while {CREATING_CLIENTS} create",
        Figure(median(load.p50_ms for load in loads), "ms"),
        Figure(median(load.p50_ms for load in bounds), "ms"),
        BOUND,
        note=f"p99 {median(load.p99_ms for load in loads):.0f} ms; {creates.per_second:,.0f} creates/s meanwhile",
    )


async def measure_in_turns(
    server: Server, path: str, seconds: float, clients: int = CLIENTS
) -> tuple[list[Load], list[Load]]:
    """Three loads of the read and three of its bound, in turns."""
    loads, bounds = [], []
    for _ in range(3):
        bounds.append(await load(f"{server.url}/api/v1/nothing/ruleless{path}", seconds, clients=clients))
        loads.append(await load(f"{server.url}/api/v1/workspaces{path}", seconds, clients=clients))
    return loads, bounds


async def beside_fastapi(env: Environment, row: Row, seconds: float) -> Row:
    """The same figure beside a GET of a bare FastAPI app."""
    async with env.baseline("fastapi") as server:
        bound = await load(server.url, seconds, clients=CLIENTS)
    return Row("reads", row.title, row.measured, Figure(bound.per_second, "/s"), "GET on a bare FastAPI, no work")
