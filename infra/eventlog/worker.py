"""The background half: do what is due, and now and then compare the engine with the log.

A row is claimed by a lease that is renewed while the work goes on, and given back when its holder is found dead.
Only the event that follows removes it; what fails stays, and is tried again, later each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from application.access import Cause
from application.ports.clock import Clock
from application.ports.errors import Unavailable
from infra.eventlog.notifications import WORKER_LOCK, Signals
from infra.runtime.tasks import end
from projections.query import DB_UNREACHABLE

log = logging.getLogger(__name__)
Command = Callable[[UUID, Cause], Awaitable[None]]

LEASE = timedelta(seconds=60)
RENEW = 20.0  # seconds
OTHERS = 3.0  # seconds that others are given to come back after a lost connection
LOOK = 5.0  # seconds: it looks at least so often (V35), whatever it is told
FIRST_RETRY, LAST_RETRY = timedelta(milliseconds=500), timedelta(seconds=15)

# A common table expression is read once. As `in (select … limit … for update skip locked)` the planner may read it
# again for each row, and then all that is due is claimed at once.
CLAIM = """
with due as materialized (
    select command, subject from work where lane = %(lane)s and run_at <= %(now)s
    order by run_at limit %(free)s for update skip locked)
update work set attempts = attempts + 1, run_at = %(until)s, holder = %(holder)s
from due where (work.command, work.subject) = (due.command, due.subject)
returning work.command, work.subject, due_at, attempts, caused_by
"""
# Those that there are, by as many looks into the index as there are lanes.
LANES = """
with recursive found as (
    select min(lane) as lane from work
    union all select (select min(lane) from work where lane > found.lane) from found where found.lane is not null)
select lane from found where lane is not null
"""
NEXT = "select min(run_at) from work where lane = %s"
MINE = "command = %(command)s and subject = %(subject)s and holder = %(holder)s and attempts = %(attempts)s"
LATER = f"update work set last_error = %(error)s, run_at = %(at)s, holder = null where {MINE}"
HOLD = """
update work set run_at = %(until)s, holder = %(by)s
from unnest(%(command)s::text[], %(subject)s::uuid[], %(holder)s::int[], %(attempts)s::int[])
    as mine (command, subject, holder, attempts)
where (work.command, work.subject, work.holder, work.attempts)
    = (mine.command, mine.subject, mine.holder, mine.attempts)
"""
ABANDONED = """
update work set holder = null, run_at = due_at where holder is not null and holder not in (
    select objid from pg_locks where locktype = 'advisory' and classid = %s and granted)
"""


@dataclass
class Worker:
    pool: AsyncConnectionPool[Any]
    commands: Mapping[str, Command]
    lanes: Mapping[str, int]  # how much may be under way at once, by lane; "engine" goes for each "engine:REGION"
    signals: Signals
    clock: Clock
    lateness: Callable[[str, float], None] = lambda command, seconds: None  # told at every start, in seconds
    _holder: int = 0  # the name that our leases bear
    _running: dict[str, dict[asyncio.Task[None], dict[str, Any]]] = field(default_factory=dict)

    async def run(self) -> None:
        """Work until cancelled. What is under way then is cut off, and found again by whoever comes next."""
        self._running = {lane: {} for lane in self.lanes}
        parts = [asyncio.create_task(part) for part in (self._renew(), self._branch(), *map(self._work, self.lanes))]
        try:
            await asyncio.gather(*parts)
        finally:
            await end(parts)
            await end(task for running in self._running.values() for task in running)

    async def _branch(self) -> None:
        """Serve the lanes of regions, too, as soon as there is work in them."""
        asked, branches = self.signals.work.subscribe(), dict[str, asyncio.Task[None]]()
        try:
            while True:
                asked.clear()
                with contextlib.suppress(*DB_UNREACHABLE):
                    async with self.pool.connection() as conn:
                        found = await (await conn.execute(LANES)).fetchall()
                    for (lane,) in found:
                        if lane not in self._running and lane.partition(":")[0] in self.lanes:
                            self._running[lane] = {}
                            branches[lane] = asyncio.create_task(self._work(lane))
                await first_of(LOOK, asked)
                for branch in branches.values():
                    if branch.done():
                        branch.result()
        finally:
            await end(branches.values())

    async def _work(self, lane: str) -> None:
        running, bound = self._running[lane], self.lanes[lane.partition(":")[0]]
        freed, asked = asyncio.Event(), self.signals.work.subscribe()
        while True:
            freed.clear()
            asked.clear()
            wait = LOOK
            try:
                for row in await self._claim(lane, bound - len(running)):
                    task = asyncio.create_task(self._do(row))
                    running[task] = row
                    task.add_done_callback(partial(self._over, lane, freed))
                if self._claims and len(running) < bound:
                    wait = await self._until_next(lane)
            except DB_UNREACHABLE:
                wait = 1.0  # the database is gone; signals tell when it is back
            await first_of(wait, freed, asked)

    def _over(self, lane: str, freed: asyncio.Event, task: asyncio.Task[None]) -> None:
        del self._running[lane][task]
        freed.set()

    @property
    def _claims(self) -> bool:
        """Others see that we live, and what is under way already is ours again: else it would be begun twice."""
        return 0 != self._holder == self.signals.holder

    async def _claim(self, lane: str, free: int) -> list[dict[str, Any]]:
        if not free or not self._claims:
            return []
        now, holder = self.clock(), self._holder
        asked = {"lane": lane, "free": free, "now": now, "until": now + LEASE, "holder": holder}
        async with self.pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
            await cur.execute(CLAIM, asked)
            return [row | {"holder": holder, "late": now - row["due_at"]} for row in await cur.fetchall()]

    async def _until_next(self, lane: str) -> float:
        async with self.pool.connection() as conn:
            (at,) = await (await conn.execute(NEXT, (lane,))).fetchone() or (None,)
        return LOOK if at is None else min(LOOK, max(0.0, (at - self.clock()).total_seconds()))

    async def _do(self, row: dict[str, Any]) -> None:
        command, subject = row["command"], row["subject"]
        self.lateness(command, row["late"].total_seconds())
        cause = Cause(request_id=f"{command}/{row['attempts']}", caused_by=row["caused_by"])
        try:
            await self.commands[command](subject, cause)
            return
        except Unavailable as wait:
            log.warning("put off", extra={"command": command, "subject": str(subject), "because": str(wait)})
            error = str(wait)
        except Exception as broken:
            log.exception("failed, to be tried again", extra={"command": command, "subject": str(subject)})
            error = f"{type(broken).__name__}: {broken}"
        with contextlib.suppress(psycopg.Error):  # then the lease runs out instead
            async with self.pool.connection() as conn:
                await conn.execute(LATER, row | {"error": error[:500], "at": self._again(row["attempts"])})

    def _again(self, attempts: int) -> datetime:
        wait = FIRST_RETRY * (1 << min(attempts - 1, 10))
        return self.clock() + min(wait, LAST_RETRY)

    async def _renew(self) -> None:
        """Keep our leases, and free those of the dead: regularly, and when the database is back."""
        back = self.signals.reconnected.subscribe()
        while True:
            back.clear()
            wait = 1.0
            holder, again = self.signals.holder, self._holder not in (0, self.signals.holder)
            with contextlib.suppress(*DB_UNREACHABLE):
                if holder:
                    async with self.pool.connection() as conn:
                        await self._hold(conn, holder)
                        if not again:
                            await conn.execute(ABANDONED, (WORKER_LOCK,))
                    # What cut us off may have cut off others, who are no more dead than we are.
                    wait = OTHERS if again else RENEW
            self.signals.work.set()
            await first_of(wait, back)

    async def _hold(self, conn: psycopg.AsyncConnection[Any], holder: int) -> None:
        """After a lost connection leases bear our old name; what is under way goes on under the new one."""
        held = [row for running in self._running.values() for row in running.values()]
        asked = {name: [row[name] for row in held] for name in ("command", "subject", "holder", "attempts")}
        if held:
            await conn.execute(HOLD, asked | {"until": self.clock() + LEASE, "by": holder})
        for row in held:
            row["holder"] = holder
        self._holder = holder


async def first_of(seconds: float, *events: asyncio.Event) -> None:
    """Return when one of them is set, or when so much time has passed."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
