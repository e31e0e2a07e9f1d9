"""Measures timers: what 10,000 cost while none is due, and how late those that come due are started."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import psutil
import psycopg

from benchmarks.environment import Environment, Server
from benchmarks.rows import Figure, Row, quantile
from benchmarks.stored_workspaces import SETTLED, now, requested_workspace, store, wait_until
from infra.postgres import postmaster
from tests.support.databases import platform_on

ARMED_WORKSPACES = 10_000  # each with a timer for its end and one for the warning
DUE_WORKSPACES = 1_200
DUE_SPREAD_S = 8.0  # over which they end
DUE_TERM_S = 10
MAX_DELAY_MS = 200.0  # p99
MAX_IDLE_PERCENT = 1.5  # of a core
SWEEP_INTERVAL_S = 20  # so that one sweep falls into the measured time
DELAYS = """
select extract(epoch from ended.at - (asked.facts ->> 'expires_at')::timestamptz) * 1000
from trail ended join trail asked on asked.subject = ended.subject and asked.kind = 'workspace.requested'

where ended.kind = 'workspace.expired'
"""


async def run(env: Environment) -> list[Row]:
    armed, due = (1_000, 120) if env.quick else (ARMED_WORKSPACES, DUE_WORKSPACES)
    with env.database() as database:
        async with env.tenure(database, sweep_seconds=SWEEP_INTERVAL_S) as server:
            with platform_on(database) as platform:
                await store(platform, [requested_workspace() for _ in range(armed)])
                await wait_until(database, SETTLED)
                vacuum(database)
                idle_rows = await measure_idle(env, server)
                began = now()
                ends = [began + timedelta(seconds=DUE_SPREAD_S * nth / due) for nth in range(due)]
                await store(platform, [requested_workspace(ttl_seconds=DUE_TERM_S, at=at) for at in ends])
            expired = f"select count(*) = {int(due)} from trail where kind = 'workspace.expired'"
            await wait_until(database, expired)
        with psycopg.connect(database) as conn:
            delays = [float(ms) for (ms,) in conn.execute(DELAYS).fetchall()]
    p50, p99 = (quantile(delays, q) for q in (0.5, 0.99))
    delay = Row(
        "timers",
        f"expiry decided after its due time, p99; {armed:,} timers armed, {due:,} due in {DUE_SPREAD_S:.0f} s",
        Figure(p99, "ms"),
        must=f"<= {MAX_DELAY_MS:.0f} ms",
        ok=p99 <= MAX_DELAY_MS,
        note=f"p50 {p50:.0f} ms, latest {max(delays):.0f} ms",
    )
    return [delay, *idle_rows]


def vacuum(database: str) -> None:
    """Finish the database's work on earlier changes, which would count as its work at rest."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("vacuum analyze")
        conn.execute("checkpoint")


async def measure_idle(env: Environment, server: Server) -> list[Row]:
    """The CPU that is used while there are no requests and nothing comes due.

    The smaller of two figures: an autovacuum of earlier changes may fall into one.
    """
    seconds = 5 if env.quick else 20
    postgres = postmaster.find(env.home / "postgres")
    assert postgres is not None
    processes = {"Tenure": psutil.Process(server.pid), "PostgreSQL": psutil.Process(postgres.pid)}
    used: dict[str, list[float]] = {name: [] for name in processes}
    for _ in range(2):
        before = {name: cpu_seconds(process) for name, process in processes.items()}
        await asyncio.sleep(seconds)
        for name, process in processes.items():
            used[name].append(cpu_seconds(process) - before[name])
    return [idle_row(name, min(times), seconds) for name, times in used.items()]


def idle_row(name: str, cpu: float, seconds: int) -> Row:
    """The share of a core that `cpu` seconds in this time are."""
    share = cpu / seconds * 100
    return Row(
        "timers",
        f"CPU of {name} with the timers armed and nothing to do, {seconds} s with one sweep",
        Figure(share, "% of a core"),
        must=f"< {MAX_IDLE_PERCENT} % of a core",
        ok=share < MAX_IDLE_PERCENT,
        note=f"{cpu:.2f} s of CPU",
    )


def cpu_seconds(process: psutil.Process) -> float:
    """Seconds of CPU of a process and of all its children, also of those that have ended."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended; its time counts among its parent's ended children
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
        total += sum(cpu_seconds(child) for child in process.children())
    return total
