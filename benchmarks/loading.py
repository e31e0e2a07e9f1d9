"""Loading an aggregate of 21 events, beside fetching those events and no more."""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import median

import psycopg

from application.access import Cause
from benchmarks.place import Place
from benchmarks.rows import Figure, Row
from benchmarks.stored import YEAR, now, platform, running
from domain.workspace import Workspace

EVENTS = 21
BARE = "select * from tenure_events where originator_id = %s order by originator_version"


async def run(place: Place) -> list[Row]:
    times = 50 if place.quick else 500
    with place.database() as database, platform(database) as store:
        workspace = running()
        for nth in range(EVENTS - 2):
            workspace.extend(60, YEAR, now() + timedelta(seconds=nth))
        await store.commit(Cause(), workspace)
        with psycopg.connect(database, autocommit=True) as conn:
            seen, bare = [], []
            for _ in range(times):
                began = time.perf_counter()
                loaded = await store.load(Workspace, workspace.id)
                between = time.perf_counter()
                rows = conn.execute(BARE, (workspace.id,), prepare=True).fetchall()
                bare.append(time.perf_counter() - between)
                seen.append(between - began)
        assert loaded.version == len(rows) == EVENTS
    return [
        Row(
            "loading",
            f"load an aggregate of {EVENTS} events",
            Figure(median(seen) * 1000, "ms"),
            Figure(median(bare) * 1000, "ms"),
            "fetching its events",
        )
    ]
