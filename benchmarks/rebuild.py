"""Measures rebuilding every read model from the log, beside only reading the same events."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

from benchmarks.environment import Environment
from benchmarks.rows import Figure, Row
from benchmarks.stored_workspaces import MACHINE, YEAR, now, requested_workspace, store
from domain.workspace import Workspace
from infra.eventlog.log_reader import events_after
from infra.postgres import database as connections
from infra.wiring import schema
from infra.wiring.database import open_database

OWNERS = 50


async def run(env: Environment) -> list[Row]:
    workspaces = 500 if env.quick else 5_000
    with env.database() as database:
        opened = await open_database(database)
        platform = opened.platform
        conn = await connections.connect(database)
        try:
            owners = [uuid4() for _ in range(OWNERS)]
            await store(platform, [workspace_history(owners[nth % OWNERS]) for nth in range(workspaces)])
            began = time.perf_counter()
            position = read = 0
            while batch := await events_after(conn, platform, position, schema.MAX_EVENTS):
                position, read = batch[-1][0], read + len(batch)
            bound = read / (time.perf_counter() - began)
            began = time.perf_counter()
            folded = await schema.rebuild(conn, platform)
            speed = folded / (time.perf_counter() - began)
            assert folded == read == 4 * workspaces
        finally:
            await conn.close()
            await opened.close()
    return [
        Row(
            "rebuild",
            f"rebuild the read models from {folded:,} events",
            Figure(speed, "events/s"),
            Figure(bound, "events/s"),
            "reading and decoding them",
        )
    ]


def workspace_history(owner_id: UUID) -> Workspace:
    """A workspace with four events; every second one is deleted."""
    workspace = requested_workspace(owner_id=owner_id)
    workspace.provisioned(MACHINE, now())
    workspace.extend(3_600, YEAR, now())
    if workspace.id.int % 2:
        workspace.delete(now())
    else:
        workspace.extend(3_600, YEAR, now())
    return workspace
