"""Readiness checks and gauges of the database, the follower, the due-list and the engines."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from prometheus_client import Gauge, Histogram
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.platform import Platform
from application.ports.clock import Clock
from application.ports.errors import Unavailable
from application.ports.machines import Machines
from infra.docker.regions import RegionEngines
from infra.eventlog.event_store import GroupWriter
from interfaces.native.deps import HealthCheck, PartHealth
from projections import shape
from projections.hub import Hub
from projections.query import run_query

FOLLOWER_LAG_EVENTS = Gauge("tenure_follower_lag_events", "Events stored that the read models do not show yet")
WORK_ROWS = Gauge("tenure_work_rows", "Rows in the due-list", ["lane"])
WORK_DUE_ROWS = Gauge("tenure_work_due_rows", "Rows in the due-list whose time has come", ["lane"])
WORK_LATENESS_S = Gauge("tenure_work_lateness_seconds", "How long the oldest row that is due has waited", ["lane"])
STARTED_LATE_S = Histogram(
    "tenure_work_started_late_seconds",
    "Time from when work was due until it was started",
    ["command"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5, 30, 300),
)
STREAM_READERS = Gauge("tenure_stream_readers", "Open streams of events in this process")

PARKED_WORK = Gauge("tenure_work_parked_rows", "Work that failed too often and waits for an administrator")

POSITIONS = """
select position, failed, (select coalesce(max(notification_id), 0) from tenure_events), shape, version from follower
"""
PARKED = "select count(*) from work where parked_at is not null"
# More than free space in files that are there already: so the disk has to give some.
WRITE = """
create temporary table tenure_probe on commit drop as select md5(nth::text) from generate_series(1, 20000) nth
"""
WORK = """
select lane, count(*), count(*) filter (where due_at <= %(now)s),
    coalesce(extract(epoch from %(now)s - min(due_at) filter (where due_at <= %(now)s)), 0)
from work where parked_at is null group by lane
"""
FIRST_LANES = ("engine", "log")  # each other region that has had work adds one
MAX_LAG_EVENTS = 10_000  # a follower further behind than that is not ready


class HealthMonitor:
    """Checks the parts that a process depends on, and sets the gauges of `/metrics`."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        hub: Hub,
        local: Machines,
        engines: RegionEngines,
        clock: Clock,
        platform: Platform,
    ) -> None:
        """`local` is the engine of the local region, `engines` those of the others."""
        self._pool, self._hub, self._local, self._engines, self._clock = pool, hub, local, engines, clock
        self._writer = platform.writer
        self._lanes = set(FIRST_LANES)

    def checks(self, with_engines: bool) -> dict[str, HealthCheck]:
        """Return what readiness asks, by the name of the part. A process that runs no machines asks no engine."""
        checks: dict[str, HealthCheck] = {"database": self.database, "follower": self.follower, "work": self.work}
        return checks | ({"engine": self.engine, "regions": self.regions} if with_engines else {})

    async def database(self) -> PartHealth:
        """Also whether there is space again, once an event could not be stored for want of it. Raises `Unavailable`."""
        await self._fetch_all("select 1")
        if isinstance(self._writer, GroupWriter) and self._writer.disk_full:
            await run_query(self._pool, write)
        return PartHealth(True)

    async def follower(self) -> PartHealth:
        position, failed, head, digest, version = (await self._fetch_all(POSITIONS))[0]
        details = {"position": position, "lag": head - position}
        if digest != shape.own_shape().digest:
            error = f"it stands by: the lists are those of Tenure {version}; upgrade this process"
            return PartHealth(False, details | {"error": error}, needed=False)
        if failed:
            return PartHealth(False, details | {"error": f"it has stopped: {failed}"})
        return PartHealth(head - position < MAX_LAG_EVENTS, details)

    async def work(self) -> PartHealth:
        """Whether nothing is parked. What is there goes on without it."""
        ((parked,),) = await self._fetch_all(PARKED)
        error = {"error": f"{parked} failed too often and wait for an administrator; see `tenure work list`"}
        return PartHealth(not parked, {"parked": parked} | (error if parked else {}), needed=False)

    async def engine(self) -> PartHealth:
        await self._local.ping()
        return PartHealth(True, {"provider": self._local.provider, **note(self._local.limitation)})

    async def regions(self) -> PartHealth:
        """All but the local one, whose engine is a part of its own."""
        errors = await self._engines.remote_errors()
        regions = {
            name: {"ok": error is None, **({"error": error} if error else {}), **note(self._engines.limitation(name))}
            for name, error in errors.items()
        }
        unreachable = ", ".join(name for name, error in errors.items() if error)
        details = {"regions": regions} | ({"error": f"away: {unreachable}"} if unreachable else {})
        return PartHealth(not unreachable, details, needed=False)

    async def update_gauges(self) -> None:
        """Set the gauges. While the database does not answer, only those that do not need it are set."""
        STREAM_READERS.set(self._hub.readers)
        with suppress(Unavailable):
            ((position, _, head, _, _),) = await self._fetch_all(POSITIONS)
            FOLLOWER_LAG_EVENTS.set(head - position)
            PARKED_WORK.set((await self._fetch_all(PARKED))[0][0])
            counts = {lane: rest for lane, *rest in await self._fetch_all(WORK, {"now": self._clock()})}
            self._lanes |= counts.keys()
            for lane in self._lanes:
                rows, due, late_s = counts.get(lane, (0, 0, 0))  # a lane whose work is done has no row in the answer
                WORK_ROWS.labels(lane).set(rows)
                WORK_DUE_ROWS.labels(lane).set(due)
                WORK_LATENESS_S.labels(lane).set(float(late_s))

    async def _fetch_all(self, sql: str, args: Any = None) -> list[Any]:
        async def ask(conn: AsyncConnection[Any]) -> list[Any]:
            return await (await conn.execute(sql, args)).fetchall()

        return await run_query(self._pool, ask)


def note(limitation: str | None) -> dict[str, str]:
    """The field of readiness for what an engine was seen not to do."""
    return {"limitation": limitation} if limitation else {}


async def write(conn: AsyncConnection[Any]) -> None:
    """Write to the database's disk, and undo it."""
    async with conn.transaction(force_rollback=True):
        await conn.execute(WRITE)
