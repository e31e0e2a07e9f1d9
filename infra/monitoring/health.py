"""What readiness looks at, and what metrics show: of the database, the follower, the due-list and the engine."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from prometheus_client import Gauge, Histogram
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ports.clock import Clock
from application.ports.errors import Unavailable
from infra.docker.regions import RegionEngines
from interfaces.native.deps import HealthCheck, PartHealth
from projections.hub import Hub
from projections.query import run_query

FOLLOWER_LAG = Gauge("tenure_follower_lag_events", "Events stored that the read models do not show yet")
WORK_DEPTH = Gauge("tenure_work_rows", "Rows in the due-list", ["lane"])
WORK_DUE = Gauge("tenure_work_due_rows", "Rows in the due-list whose time has come", ["lane"])
WORK_LATE = Gauge("tenure_work_lateness_seconds", "How long the oldest row that is due has waited", ["lane"])
STARTED_LATE = Histogram(
    "tenure_work_started_late_seconds",
    "Time from when work was due until it was started",
    ["command"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5, 30, 300),
)
READERS = Gauge("tenure_stream_readers", "Open streams of events in this process")

POSITIONS = """
select position, failed, (select coalesce(max(notification_id), 0) from tenure_events) from follower
"""
WORK = """
select lane, count(*), count(*) filter (where due_at <= %(now)s),
    coalesce(extract(epoch from %(now)s - min(due_at) filter (where due_at <= %(now)s)), 0)
from work group by lane
"""
LANES = ("engine", "log")  # and one for each other region that has had work
BEHIND = 10_000  # events; a follower further behind than that is not ready


class Watching:
    def __init__(self, pool: AsyncConnectionPool[Any], hub: Hub, engines: RegionEngines, clock: Clock) -> None:
        self._pool, self._hub, self._engines, self._clock = pool, hub, engines, clock
        self._lanes = set(LANES)

    def parts(self, engine: bool) -> dict[str, HealthCheck]:
        looks: dict[str, HealthCheck] = {"database": self.database, "follower": self.follower}
        return looks | ({"engine": self.engine, "regions": self.regions} if engine else {})

    async def database(self) -> PartHealth:
        await self._rows("select 1")
        return PartHealth(True)

    async def follower(self) -> PartHealth:
        position, failed, head = (await self._rows(POSITIONS))[0]
        told = {"position": position, "lag": head - position}
        if failed:
            return PartHealth(False, told | {"error": f"it has stopped: {failed}"})
        return PartHealth(head - position < BEHIND, told)

    async def engine(self) -> PartHealth:
        await self._engines.local.ping()
        return PartHealth(True, {"provider": self._engines.local.provider})

    async def regions(self) -> PartHealth:
        """All but the local one, whose engine is a part of its own."""
        wrong = await self._engines.remote_errors()
        told = {name: {"ok": error is None} | ({"error": error} if error else {}) for name, error in wrong.items()}
        away = ", ".join(name for name, error in wrong.items() if error)
        error = {"error": f"away: {away}"} if away else {}
        return PartHealth(not away, {"regions": told} | error, needed=False)

    async def measure(self) -> None:
        """Bring the gauges up to date; without a database, those that need none."""
        READERS.set(self._hub.readers)
        with suppress(Unavailable):
            ((position, _, head),) = await self._rows(POSITIONS)
            FOLLOWER_LAG.set(head - position)
            found = {lane: rest for lane, *rest in await self._rows(WORK, {"now": self._clock()})}
            self._lanes |= found.keys()
            for lane in self._lanes:
                rows, due, late = found.get(lane, (0, 0, 0))  # a lane without rows is not among them
                WORK_DEPTH.labels(lane).set(rows)
                WORK_DUE.labels(lane).set(due)
                WORK_LATE.labels(lane).set(float(late))

    async def _rows(self, sql: str, args: Any = None) -> list[Any]:
        async def ask(conn: AsyncConnection[Any]) -> list[Any]:
            return await (await conn.execute(sql, args)).fetchall()

        return await run_query(self._pool, ask)
