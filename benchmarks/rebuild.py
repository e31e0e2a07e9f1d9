"""Rebuilding every read model from the log, beside reading the same events and folding nothing."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

from benchmarks.place import Place
from benchmarks.rows import Figure, Row
from benchmarks.stored import MACHINE, YEAR, now, requested, store
from domain.workspace import Workspace
from infra.eventlog.log_reader import events_after
from infra.postgres import database as connections
from infra.wiring import schema as rows
from infra.wiring.database import open_database

OWNERS = 50


async def run(place: Place) -> list[Row]:
    lives = 500 if place.quick else 5_000
    with place.database() as database:
        opened = await open_database(database)
        platform = opened.platform
        conn = await connections.connect(database)
        try:
            owners = [uuid4() for _ in range(OWNERS)]
            await store(platform, [life(owners[nth % OWNERS]) for nth in range(lives)])
            began = time.perf_counter()
            position = read = 0
            while batch := await events_after(conn, platform, position, rows.MAX_EVENTS):
                position, read = batch[-1][0], read + len(batch)
            bare = read / (time.perf_counter() - began)
            began = time.perf_counter()
            folded = await rows.rebuild(conn, platform)
            speed = folded / (time.perf_counter() - began)
            assert folded == read == 4 * lives
        finally:
            await conn.close()
            await opened.close()
    return [
        Row(
            "rebuild",
            f"rebuild the read models from {folded:,} events",
            Figure(speed, "events/s"),
            Figure(bare, "events/s"),
            "reading and decoding them",
        )
    ]


def life(owner_id: UUID) -> Workspace:
    """Four events; every second one has ended."""
    workspace = requested(owner_id=owner_id)
    workspace.provisioned(MACHINE, now())
    workspace.extend(3_600, YEAR, now())
    if workspace.id.int % 2:
        workspace.delete(now())
    else:
        workspace.extend(3_600, YEAR, now())
    return workspace
