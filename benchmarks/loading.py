"""Measures loading an aggregate of 21 events, beside only fetching those events."""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import median

import psycopg

from application.access import Cause
from benchmarks.environment import Environment
from benchmarks.rows import Figure, Row
from benchmarks.stored_workspaces import YEAR, now, running_workspace
from domain.workspace import Workspace
from tests.support.databases import platform_on

EVENTS = 21
FETCH = "select * from tenure_events where originator_id = %s order by originator_version"


async def run(env: Environment) -> list[Row]:
    times = 50 if env.quick else 500
    with env.database() as database, platform_on(database) as platform:
        workspace = running_workspace()
        for nth in range(EVENTS - 2):
            workspace.extend(60, YEAR, now() + timedelta(seconds=nth))
        await platform.commit(Cause(), workspace)
        with psycopg.connect(database, autocommit=True) as conn:
            loads, fetches = [], []
            for _ in range(times):
                began = time.perf_counter()
                aggregate = await platform.load(Workspace, workspace.id)
                between = time.perf_counter()
                rows = conn.execute(FETCH, (workspace.id,), prepare=True).fetchall()
                fetches.append(time.perf_counter() - between)
                loads.append(between - began)
        assert aggregate.version == len(rows) == EVENTS
    return [
        Row(
            "loading",
            f"load an aggregate of {EVENTS} events",
            Figure(median(loads) * 1000, "ms"),
            Figure(median(fetches) * 1000, "ms"),
            "fetching its events",
        )
    ]
