"""Creates: POST /api/v1/workspaces, 128 clients, beside a POST on the same server that does nothing."""

from __future__ import annotations

from statistics import median

from benchmarks.load import Load, load
from benchmarks.place import Place, Server
from benchmarks.rows import Figure, Row

BODY = '{"name": "bench", "template": "nodejs", "ttl_seconds": 86400}'
LEAST = 0.4
CREATE, NOTHING = "/api/v1/workspaces", "/api/v1/nothing"


async def run(place: Place) -> list[Row]:
    turns, seconds = (1, 1) if place.quick else (3, 5)
    with place.database() as database:
        async with place.tenure(database, role="api") as server:
            # In turns, so that what else the machine does hits both.
            seen = await measured(server, [NOTHING, CREATE] * turns, seconds)
            alone = row("role api", seen, f"ratio >= {LEAST}")
    with place.database() as database:
        async with place.tenure(database) as server:
            # What was created is not done with when it is answered, so the bound comes first.
            seen = await measured(server, [NOTHING] * turns + [CREATE] * turns, seconds)
            whole = row("role all, which also follows and provisions", seen)
    return [alone, whole]


async def measured(server: Server, paths: list[str], seconds: float) -> dict[str, list[Load]]:
    seen: dict[str, list[Load]] = {CREATE: [], NOTHING: []}
    for path in paths:
        if not seen[path]:
            await load(server.url + path, 1, BODY)  # the first requests find nothing warm
        seen[path].append(await load(server.url + path, seconds, BODY))
    return seen


def row(role: str, seen: dict[str, list[Load]], must: str = "") -> Row:
    made, nothing = (median(s.per_second for s in seen[path]) for path in (CREATE, NOTHING))
    waits = [median(s.p50_ms for s in seen[CREATE]), median(s.p99_ms for s in seen[CREATE])]
    return Row(
        "creates",
        f"POST a workspace, 128 clients, {role}",
        Figure(made, "/s"),
        Figure(nothing, "/s"),
        "no-op POST, same server",
        must=must,
        ok=made >= LEAST * nothing if must else None,
        note="wait {:.0f} ms median, {:.0f} ms p99".format(*waits),
    )
