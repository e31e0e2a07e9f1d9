"""Measures POST /api/v1/workspaces with 128 clients, beside a POST on the same server that does nothing."""

from __future__ import annotations

from statistics import median

from benchmarks.environment import Environment, Server
from benchmarks.load import Load, load
from benchmarks.rows import Figure, Row

BODY = '{"name": "bench", "template": "nodejs", "ttl_seconds": 86400}'
MIN_RATIO = 0.4
CREATE, NO_OP = "/api/v1/workspaces", "/api/v1/nothing"


async def run(env: Environment) -> list[Row]:
    rounds, seconds = (1, 1) if env.quick else (3, 5)
    with env.database() as database:
        async with env.tenure(database, role="api") as server:
            # In turns, so that other work of the machine slows both.
            loads = await measure(server, [NO_OP, CREATE] * rounds, seconds)
            alone = row("role api", loads, f"ratio >= {MIN_RATIO}")
    with env.database() as database:
        async with env.tenure(database) as server:
            # The bound first: created workspaces cause work after their answer, which would slow it.
            loads = await measure(server, [NO_OP] * rounds + [CREATE] * rounds, seconds)
            whole = row("role all, which also follows and provisions", loads)
    return [alone, whole]


async def measure(server: Server, paths: list[str], seconds: float) -> dict[str, list[Load]]:
    """The loads on each path, in the order of `paths`."""
    loads: dict[str, list[Load]] = {CREATE: [], NO_OP: []}
    for path in paths:
        if not loads[path]:
            await load(server.url + path, 1, BODY)  # the first requests fill caches
        loads[path].append(await load(server.url + path, seconds, BODY))
    return loads


def row(role: str, loads: dict[str, list[Load]], must: str = "") -> Row:
    """The creates beside the no-ops, on a server of this role."""
    creates, no_ops = (median(load.per_second for load in loads[path]) for path in (CREATE, NO_OP))
    waits = [median(load.p50_ms for load in loads[CREATE]), median(load.p99_ms for load in loads[CREATE])]
    return Row(
        "creates",
        f"POST a workspace, 128 clients, {role}",
        Figure(creates, "/s"),
        Figure(no_ops, "/s"),
        "no-op POST, same server",
        must=must,
        ok=creates >= MIN_RATIO * no_ops if must else None,
        note="wait {:.0f} ms median, {:.0f} ms p99".format(*waits),
    )
