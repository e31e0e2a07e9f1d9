"""Creates: POST /api/v1/workspaces, 128 clients, beside a POST on the same server that does nothing."""

from __future__ import annotations

from statistics import median

from benchmarks.load import load
from benchmarks.place import Place, Server
from benchmarks.rows import Figure, Row

BODY = '{"name": "bench", "template": "nodejs", "ttl_seconds": 86400}'
LEAST = 0.4


async def run(place: Place) -> list[Row]:
    rows = []
    for role in ("api", "all"):
        with place.database() as database:
            async with place.tenure(database, role=role) as server:
                rows.append(await compare(place, server, role))
    return rows


async def compare(place: Place, server: Server, role: str) -> Row:
    """In turns, so that what else the machine does hits both."""
    seconds, turns = (1, 1) if place.quick else (5, 3)
    await load(f"{server.url}/api/v1/workspaces", 1, BODY)
    await load(f"{server.url}/api/v1/nothing", 1, BODY)
    seen, bound = [], []
    for _ in range(turns):
        bound.append(await load(f"{server.url}/api/v1/nothing", seconds, BODY))
        seen.append(await load(f"{server.url}/api/v1/workspaces", seconds, BODY))
    made, nothing = median(s.per_second for s in seen), median(b.per_second for b in bound)
    return Row(
        "creates",
        f"POST a workspace, 128 clients, role {role}",
        Figure(made, "/s"),
        Figure(nothing, "/s"),
        "no-op POST, same server",
        must=f"ratio >= {LEAST}",
        ok=made >= LEAST * nothing,
        note=f"median wait {median(s.p50_ms for s in seen):.0f} ms, p99 {median(s.p99_ms for s in seen):.0f} ms",
    )
