"""Measures loading an aggregate of 21 events, beside only fetching those events; and claims in long use."""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import median
from uuid import uuid4

import psycopg

from application.access import Cause
from benchmarks.environment import Environment
from benchmarks.rows import Figure, Row
from benchmarks.stored_workspaces import YEAR, now, running_workspace
from domain.claim import Claim
from domain.workspace import Workspace
from tests.support.databases import platform_on

EVENTS = 21
RENEWALS = 10_000
CLAIM_LASTS = timedelta(minutes=30)
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
        ),
        await claims(env, times),
    ]


async def claims(env: Environment, times: int) -> Row:
    """A claim that was renewed often, beside one that was taken just now."""
    holder_id, start = uuid4(), now()
    with env.database() as database, platform_on(database) as platform:
        fresh, used = (Claim.begin(uuid4(), holder_id, CLAIM_LASTS, start) for _ in range(2))
        for nth in range(RENEWALS // 10 if env.quick else RENEWALS):
            used.renew(holder_id, CLAIM_LASTS, start + (nth + 1) * CLAIM_LASTS * 2 / 3)
        await platform.commit(Cause(), fresh, used)
        medians = []
        for claim in (used, fresh):
            loads = []
            for _ in range(times):
                began = time.perf_counter()
                loaded = await platform.load(Claim, claim.id)
                loads.append(time.perf_counter() - began)
            assert loaded.version == claim.version
            medians.append(median(loads) * 1000)
    return Row(
        "loading",
        f"load a claim of {used.version:,} events",
        Figure(medians[0], "ms"),
        Figure(medians[1], "ms"),
        "a claim of one event",
        must="ratio <= 2",
        ok=medians[0] <= 2 * medians[1],
    )
