"""The worker of the due-list: claims rows that are due, and calls the application's method for each.

A row is claimed by a lease that is renewed while the work runs, and given back when its holder has died. Only the
event that the work leads to removes the row. Work that fails stays, and is retried later each time. Work that fails for
another reason than that something does not answer is parked after so many failures: it would fail for ever.
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
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from application.access import Cause
from application.ports.clock import Clock
from application.ports.errors import Unavailable
from infra.eventlog.notifications import WORKER_LOCK, Signals
from infra.runtime.tasks import end_tasks
from projections.query import DB_UNREACHABLE

log = logging.getLogger(__name__)
WorkCommand = Callable[[UUID, Cause], Awaitable[None]]
Park = Callable[[str, UUID, int, str, Cause], Awaitable[None]]  # command, subject, attempts, kind of the error, cause

LEASE = timedelta(seconds=60)
RENEW_INTERVAL_S = 20.0
RECONNECT_GRACE_S = 3.0  # for other workers to reconnect after an outage
POLL_INTERVAL_S = 5.0  # a lost notification delays work by no more (V35)
RECONNECT_DELAY_S = 1.0
FIRST_RETRY, LAST_RETRY = timedelta(milliseconds=500), timedelta(seconds=15)
MAX_FAILURES = 20  # before work is parked: some four minutes after its first failure
MAX_ERROR_CHARS = 500

# A common table expression is read once. As `in (select … limit … for update skip locked)` the planner may read it
# again for each row, and then all that is due is claimed at once.
CLAIM = """
with due as materialized (
    select command, subject from work where lane = %(lane)s and run_at <= %(now)s and command = any(%(commands)s)
    order by run_at limit %(free)s for update skip locked)
update work set attempts = attempts + 1, run_at = %(until)s, holder = %(holder)s
from due where (work.command, work.subject) = (due.command, due.subject)
returning work.command, work.subject, %(now)s - due_at as delay, attempts, failures, caused_by, holder
"""
# All lanes that have rows, by as many look-ups in the index as there are lanes.
LANES = """
with recursive found as (
    select min(lane) as lane from work
    union all select (select min(lane) from work where lane > found.lane) from found where found.lane is not null)
select lane from found where lane is not null
"""
NEXT_RUN = "select min(run_at) from work where lane = %s and command = any(%s)"
RETRY_LATER = """
update work set last_error = %(error)s, run_at = %(at)s, holder = null, failures = %(failures)s
where command = %(command)s and subject = %(subject)s and holder = %(holder)s and attempts = %(attempts)s
"""
RENEW = """
update work set run_at = %(until)s, holder = %(new_holder)s
from unnest(%(command)s::text[], %(subject)s::uuid[], %(holder)s::int[], %(attempts)s::int[])
    as mine (command, subject, holder, attempts)
where (work.command, work.subject, work.holder, work.attempts)
    = (mine.command, mine.subject, mine.holder, mine.attempts)
"""
FREE_ABANDONED = """
update work set holder = null, run_at = due_at where holder is not null and holder not in (
    select objid from pg_locks where locktype = 'advisory' and classid = %s and granted)
"""


@dataclass
class ClaimedWork:
    """A row of the due-list that this worker has claimed."""

    command: str
    subject: UUID
    delay: timedelta  # since it was due
    attempts: int  # with this one
    failures: int  # before this attempt, for another reason than that something did not answer
    caused_by: int  # position of the event that asked for it
    holder: int  # the name on the lease; changes with the connection of `Signals`


@dataclass
class Worker:
    """Carries out the work that is due.

    `lanes` limits how much runs at the same time, by lane; "engine" stands for each "engine:REGION". `on_start` is
    called at every start with the command and how late it is, in seconds. `park` records that work failed
    `max_failures` times. Rows whose command is not among `commands` are left to workers of a newer version.
    """

    pool: AsyncConnectionPool[Any]
    commands: Mapping[str, WorkCommand]
    lanes: Mapping[str, int]
    signals: Signals
    clock: Clock
    park: Park
    max_failures: int = MAX_FAILURES
    on_start: Callable[[str, float], None] = lambda command, delay_s: None
    _holder: int = 0  # the name on this worker's leases; 0 before the first renewal
    _running: dict[str, dict[asyncio.Task[None], ClaimedWork]] = field(default_factory=dict)  # by lane

    async def run(self) -> None:
        """Work until cancelled. Work under way is then cancelled, too; the next worker claims it again."""
        self._running = {lane: {} for lane in self.lanes}
        coroutines = (self._renew_leases(), self._serve_new_lanes(), *map(self._serve_lane, self.lanes))
        tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
        try:
            await asyncio.gather(*tasks)
        finally:
            await end_tasks(tasks)
            await end_tasks(task for running in self._running.values() for task in running)

    async def _serve_new_lanes(self) -> None:
        """Serve the lane of a region as soon as there is work in it."""
        work_added, tasks = self.signals.work.subscribe(), dict[str, asyncio.Task[None]]()
        try:
            while True:
                work_added.clear()
                with contextlib.suppress(*DB_UNREACHABLE):
                    async with self.pool.connection() as conn:
                        rows = await (await conn.execute(LANES)).fetchall()
                    for (lane,) in rows:
                        if lane not in self._running and lane.partition(":")[0] in self.lanes:
                            self._running[lane] = {}
                            tasks[lane] = asyncio.create_task(self._serve_lane(lane))
                await wait_for_any(POLL_INTERVAL_S, work_added)
                for task in tasks.values():
                    if task.done():
                        task.result()  # raises the lane's error: nothing would serve the lane any more
        finally:
            await end_tasks(tasks.values())

    async def _serve_lane(self, lane: str) -> None:
        """Start the work of one lane as it gets due, up to the lane's limit."""
        running, limit = self._running[lane], self.lanes[lane.partition(":")[0]]
        slot_freed, work_added = asyncio.Event(), self.signals.work.subscribe()
        while True:
            slot_freed.clear()
            work_added.clear()
            wait_s = POLL_INTERVAL_S
            try:
                for work in await self._claim(lane, limit - len(running)):
                    task = asyncio.create_task(self._do(work))
                    running[task] = work
                    task.add_done_callback(partial(self._free_slot, lane, slot_freed))
                if self._may_claim and len(running) < limit:
                    wait_s = await self._seconds_to_next(lane)
            except DB_UNREACHABLE:
                wait_s = RECONNECT_DELAY_S  # a signal ends the wait when the database is back
            await wait_for_any(wait_s, slot_freed, work_added)

    def _free_slot(self, lane: str, slot_freed: asyncio.Event, task: asyncio.Task[None]) -> None:
        del self._running[lane][task]
        slot_freed.set()

    @property
    def _may_claim(self) -> bool:
        """Whether this worker holds the lock that marks it alive, and its leases bear that lock's name.

        Work claimed otherwise would count as abandoned and be started twice.
        """
        return 0 != self._holder == self.signals.holder

    async def _claim(self, lane: str, free: int) -> list[ClaimedWork]:
        """Claim up to `free` rows that are due in this lane."""
        if not free or not self._may_claim:
            return []
        now = self.clock()
        params = {
            "lane": lane,
            "commands": list(self.commands),
            "free": free,
            "now": now,
            "until": now + LEASE,
            "holder": self._holder,
        }
        async with self.pool.connection() as conn, conn.cursor(row_factory=class_row(ClaimedWork)) as cur:
            await cur.execute(CLAIM, params)
            claimed: list[ClaimedWork] = await cur.fetchall()
        return claimed

    async def _seconds_to_next(self, lane: str) -> float:
        async with self.pool.connection() as conn:
            (run_at,) = await (await conn.execute(NEXT_RUN, (lane, list(self.commands)))).fetchone() or (None,)
        if run_at is None:
            return POLL_INTERVAL_S
        seconds: float = (run_at - self.clock()).total_seconds()
        return min(POLL_INTERVAL_S, max(0.0, seconds))

    async def _do(self, work: ClaimedWork) -> None:
        """Carry out one piece of work. If it fails, plan a retry, or park it."""
        self.on_start(work.command, work.delay.total_seconds())
        cause = Cause(request_id=f"{work.command}/{work.attempts}", caused_by=work.caused_by)
        fields = {"command": work.command, "subject": str(work.subject)}
        try:
            await self.commands[work.command](work.subject, cause)
            return
        except Unavailable as unavailable:
            log.warning("work postponed", extra=fields | {"because": str(unavailable)})
            error, failures = str(unavailable), work.failures
        except Exception as failure:
            error, failures = f"{type(failure).__name__}: {failure}", work.failures + 1
            if failures >= self.max_failures and await self._park(work, failure, cause):
                return
            log.exception("work failed, to be retried", extra=fields)
        retry = {"error": error[:MAX_ERROR_CHARS], "at": self._retry_at(work.attempts), "failures": failures}
        with contextlib.suppress(psycopg.Error):  # the row is then retried when its lease runs out
            async with self.pool.connection() as conn:
                await conn.execute(RETRY_LATER, vars(work) | retry)

    async def _park(self, work: ClaimedWork, failure: Exception, cause: Cause) -> bool:
        """Record that this work failed too often. Returns False where that cannot be stored now."""
        fields = {"command": work.command, "subject": str(work.subject), "failures": work.failures + 1}
        try:
            await self.park(work.command, work.subject, work.attempts, type(failure).__name__, cause)
        except Exception as error:
            log.warning("failed work cannot be parked now", extra=fields | {"because": str(error)})
            return False
        log.error("work failed too often and is parked; see `tenure work list`", extra=fields, exc_info=failure)
        return True

    def _retry_at(self, attempts: int) -> datetime:
        delay = FIRST_RETRY * (1 << min(attempts - 1, 10))
        return self.clock() + min(delay, LAST_RETRY)

    async def _renew_leases(self) -> None:
        """Renew this worker's leases and free those of dead ones: regularly, and when the database is back."""
        reconnected = self.signals.reconnected.subscribe()
        while True:
            reconnected.clear()
            wait_s = RECONNECT_DELAY_S
            holder, renamed = self.signals.holder, self._holder not in (0, self.signals.holder)
            with contextlib.suppress(*DB_UNREACHABLE):
                if holder:
                    async with self.pool.connection() as conn:
                        await self._renew(conn, holder)
                        if not renamed:
                            await conn.execute(FREE_ABANDONED, (WORKER_LOCK,))
                    # An outage disconnects every worker. Give the others time to reconnect before taking their leases.
                    wait_s = RECONNECT_GRACE_S if renamed else RENEW_INTERVAL_S
            self.signals.work.set()
            await wait_for_any(wait_s, reconnected)

    async def _renew(self, conn: psycopg.AsyncConnection[Any], holder: int) -> None:
        """Renew the leases of the work under way under the name `holder`: a new connection has another one."""
        leases = [work for running in self._running.values() for work in running.values()]
        if leases:
            columns = {
                name: [getattr(work, name) for work in leases] for name in ("command", "subject", "holder", "attempts")
            }
            await conn.execute(RENEW, columns | {"until": self.clock() + LEASE, "new_holder": holder})
        for work in leases:
            work.holder = holder
        self._holder = holder


async def wait_for_any(timeout_s: float, *flags: asyncio.Event) -> None:
    """Return when one of the flags is set, or after `timeout_s`."""
    waits = [asyncio.ensure_future(flag.wait()) for flag in flags]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
