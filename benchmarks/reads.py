"""Reads: what the rule costs that whoever was told that something is stored will find it."""

from __future__ import annotations

import asyncio
from statistics import median

import httpx

from benchmarks.creates import BODY
from benchmarks.load import Load, load
from benchmarks.place import Place, Server
from benchmarks.rows import Figure, Row
from benchmarks.stored import SETTLED, until

LISTED = 20
CLIENTS = 32
CREATING = 8  # clients that create while others read
RULELESS = "the same query without the rule"


async def run(place: Place) -> list[Row]:
    with place.database() as database:
        async with place.tenure(database) as server:
            id = await make(server)
            await until(database, SETTLED)
            seconds = 1 if place.quick else 4
            rows = [
                await quiet(server, f"GET a list of {LISTED}", "", seconds),
                await quiet(server, "GET one", f"/{id}", seconds),
            ]
            rows.append(await beside_bare(place, rows[1], seconds))
            rows += [
                await busy(server, f"GET a list of {LISTED}", "", seconds),
                await busy(server, "GET one", f"/{id}", seconds),
            ]
    return rows


async def make(server: Server) -> str:
    """As many workspaces as are listed; returns the id of the last."""
    async with httpx.AsyncClient(headers={"x-user": "bench"}) as client:
        for _ in range(LISTED):
            made = await client.post(f"{server.url}/api/v1/workspaces", json={"name": "bench"})
        return str(made.json()["id"])


async def quiet(server: Server, what: str, path: str, seconds: float) -> Row:
    seen, bound = await in_turns(server, path, seconds)
    return Row(
        "reads",
        f"{what}, {CLIENTS} clients",
        Figure(median(s.per_second for s in seen), "/s"),
        Figure(median(b.per_second for b in bound), "/s"),
        RULELESS,
    )


async def busy(server: Server, what: str, path: str, seconds: float) -> Row:
    """While others create without a pause, so that every look finds the read models behind."""
    creating = asyncio.create_task(load(f"{server.url}/api/v1/workspaces", 6 * seconds + 2, BODY, CREATING, "maker"))
    seen, bound = await in_turns(server, path, seconds, clients=1)
    made = await creating
    return Row(
        "reads",
        f"{what}, 1 client, while {CREATING} create",
        Figure(median(s.p50_ms for s in seen), "ms"),
        Figure(median(b.p50_ms for b in bound), "ms"),
        RULELESS,
        note=f"p99 {median(s.p99_ms for s in seen):.0f} ms; {made.per_second:,.0f} creates/s meanwhile",
    )


async def in_turns(server: Server, path: str, seconds: float, clients: int = CLIENTS) -> tuple[list[Load], list[Load]]:
    seen, bound = [], []
    for _ in range(3):
        bound.append(await load(f"{server.url}/api/v1/nothing/ruleless{path}", seconds, clients=clients))
        seen.append(await load(f"{server.url}/api/v1/workspaces{path}", seconds, clients=clients))
    return seen, bound


async def beside_bare(place: Place, one: Row, seconds: float) -> Row:
    async with place.bare("fastapi") as server:
        bare = await load(server.url, seconds, clients=CLIENTS)
    return Row("reads", one.what, one.measured, Figure(bare.per_second, "/s"), "GET on a bare FastAPI, no work")
