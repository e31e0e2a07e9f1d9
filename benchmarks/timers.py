"""Timers: what 10,000 of them cost while none is due, and how late those are started that come due."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import psutil
import psycopg

from benchmarks.place import Place, Server
from benchmarks.rows import Figure, Row, quantile
from benchmarks.stored import SETTLED, now, platform, requested, store, until
from infra.postgres import postmaster

ARMED = 10_000  # workspaces with a term, each with a timer for its end and one for the warning
DUE, SPREAD, TERM = 1_200, 8.0, 10  # of more workspaces, the seconds over which they end, and their term in seconds
LATEST = 200.0  # ms, p99
IDLE = 1.5  # per cent of a core
SWEEP = 20  # seconds between sweeps, so that one falls into the time that is watched
LATE = """
select extract(epoch from ended.at - (asked.facts ->> 'expires_at')::timestamptz) * 1000
from trail ended join trail asked on asked.subject = ended.subject and asked.kind = 'workspace.requested'
where ended.kind = 'workspace.expired'
"""


async def run(place: Place) -> list[Row]:
    armed, due = (1_000, 120) if place.quick else (ARMED, DUE)
    with place.database() as database:
        async with place.tenure(database, sweep_seconds=SWEEP) as server:
            with platform(database) as log:
                await store(log, [requested() for _ in range(armed)])
                await until(database, SETTLED)
                tidy(database)
                rest = await at_rest(place, server)
                began = now()
                ends = [began + timedelta(seconds=SPREAD * nth / due) for nth in range(due)]
                await store(log, [requested(ttl_seconds=TERM, at=at) for at in ends])
            expired = f"select count(*) = {int(due)} from trail where kind = 'workspace.expired'"
            await until(database, expired)
        with psycopg.connect(database) as conn:
            late = [float(ms) for (ms,) in conn.execute(LATE).fetchall()]
    p50, p99 = (quantile(late, q) for q in (0.5, 0.99))
    lateness = Row(
        "timers",
        f"expiry decided after its due time, p99; {armed:,} timers armed, {due:,} due in {SPREAD:.0f} s",
        Figure(p99, "ms"),
        must=f"<= {LATEST:.0f} ms",
        ok=p99 <= LATEST,
        note=f"p50 {p50:.0f} ms, latest {max(late):.0f} ms",
    )
    return [lateness, *rest]


def tidy(database: str) -> None:
    """What the database has left to do after so many changes is not what it does at rest."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("vacuum analyze")
        conn.execute("checkpoint")


async def at_rest(place: Place, server: Server) -> list[Row]:
    """CPU while nothing is asked and nothing comes due.

    The lesser of two times: an autovacuum of what was stored before may fall into one.
    """
    seconds = 5 if place.quick else 20
    data = postmaster.find(place.home / "postgres")
    assert data is not None
    both = {"Tenure": psutil.Process(server.pid), "PostgreSQL": psutil.Process(data.pid)}
    used: dict[str, list[float]] = {name: [] for name in both}
    for _ in range(2):
        before = {name: spent(process) for name, process in both.items()}
        await asyncio.sleep(seconds)
        for name, process in both.items():
            used[name].append(spent(process) - before[name])
    return [idle(name, min(times), seconds) for name, times in used.items()]


def idle(name: str, cpu: float, seconds: int) -> Row:
    share = cpu / seconds * 100
    return Row(
        "timers",
        f"CPU of {name} with the timers armed and nothing to do, {seconds} s with one sweep",
        Figure(share, "% of a core"),
        must=f"< {IDLE} % of a core",
        ok=share < IDLE,
        note=f"{cpu:.2f} s of CPU",
    )


def spent(process: psutil.Process) -> float:
    """Seconds of CPU of a process and of all that it has started, also of those that have ended."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):  # also while it is ending; its time is still told then
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
        total += sum(spent(child) for child in process.children())
    return total
