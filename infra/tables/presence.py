"""The table `presence`: which users watch which session, over all processes.

A row counts only while the process that wrote it lives. Each process holds an advisory lock on a connection of its
own. PostgreSQL releases the lock however the process ends; other processes then delete its rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg_pool import AsyncConnectionPool

from application.ports.presence import Attendees
from infra.postgres import database

log = logging.getLogger(__name__)
PRESENCE_LOCK = 7_311  # first key of the advisory locks that mark live processes; the second is the backend's pid
SWEEP_INTERVAL_S = 3.0  # between deletions of the rows of dead processes
SWEEP_TIMEOUT_S = 5.0  # for the database to answer one; then the connection counts as lost
COALESCE_S = 0.03  # changes within it are reported as one
RECONNECT_DELAY_S = 0.5

DDL = """
create unlogged table if not exists presence (
    id uuid primary key,
    holder int not null,
    session_id uuid not null,
    user_id uuid not null,
    since timestamptz not null default now()
);
create index if not exists presence_session on presence (session_id);
"""
LIVE_HOLDERS = f"select objid::int from pg_locks where locktype = 'advisory' and classid = {PRESENCE_LOCK} and granted"
INSERT = """
with made as (
    insert into presence (id, holder, session_id, user_id) values (%s, %s, %s, %s)
    on conflict (id) do update set holder = excluded.holder returning session_id
) select pg_notify('tenure_presence', session_id::text) from made
"""
DELETE = """
with gone as (delete from presence where id = %s returning session_id)
select pg_notify('tenure_presence', session_id::text) from gone
"""
DELETE_DEAD = f"""
with gone as (delete from presence where holder not in ({LIVE_HOLDERS}) returning session_id)
select pg_notify('tenure_presence', session_id::text) from (select distinct session_id from gone) sessions
"""
WATCHERS = f"""
select user_id from presence where session_id = %s and holder in ({LIVE_HOLDERS})
group by user_id order by min(since), user_id
"""


class Roster:
    """The `Attendance` of one session, shared by all readers of this process."""

    def __init__(self) -> None:
        self.attendees: Attendees | None = None  # None until they were first read
        self.changed = asyncio.Event()  # replaced at each change: a cleared event could miss a reader
        self.readers = 0
        self.stale = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def after(self, previous: Attendees | None) -> Attendees:
        """Return the attendees as soon as they differ from `previous`."""
        while self.attendees is None or self.attendees is previous:
            await self.changed.wait()
        return self.attendees


class PresenceRows:
    """The `Presence` port on PostgreSQL. `run` must be running for `track` to be seen by others."""

    def __init__(self, url: str, pool: AsyncConnectionPool[Any]) -> None:
        self._url, self._pool = url, pool
        self._holder = 0  # names this process in rows: its backend's pid; 0 while not connected
        self._local_rows: dict[UUID, tuple[UUID, UUID]] = {}  # session and user, by row id
        self._rosters: dict[UUID, Roster] = {}  # by session

    async def run(self) -> None:
        """Hold the lock and listen, until cancelled. Reconnect whenever the connection is lost."""
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                async with database.connection(self._url) as conn:
                    try:
                        await self._hold(conn)
                    finally:
                        self._holder = 0
            await asyncio.sleep(RECONNECT_DELAY_S)

    async def _hold(self, conn: psycopg.AsyncConnection[Any]) -> None:
        await conn.execute("listen tenure_presence")
        await conn.execute("select pg_advisory_lock(%s, %s)", (PRESENCE_LOCK, conn.info.backend_pid))
        self._holder = conn.info.backend_pid
        for id, (session_id, user_id) in list(self._local_rows.items()):
            await conn.execute(INSERT, (id, self._holder, session_id, user_id))
        for roster in self._rosters.values():
            roster.stale.set()
        while True:
            async for notification in conn.notifies(timeout=SWEEP_INTERVAL_S):
                if changed := self._rosters.get(UUID(notification.payload)):
                    changed.stale.set()
            await database.answer_within(SWEEP_TIMEOUT_S, conn, conn.execute(DELETE_DEAD))

    @asynccontextmanager
    async def track(self, session_id: UUID, user_id: UUID) -> AsyncIterator[None]:
        """Count the user as a watcher of the session until the block, or this process, ends."""
        id = uuid4()
        self._local_rows[id] = (session_id, user_id)
        try:
            if self._holder:  # otherwise `_hold` writes the row when the connection is back
                await self._execute(INSERT, (id, self._holder, session_id, user_id))
            yield
        finally:
            del self._local_rows[id]
            await asyncio.shield(self._execute(DELETE, (id,)))

    async def _execute(self, sql: str, args: tuple[Any, ...]) -> None:
        # A row that could not be written or deleted does not matter: after a reconnect this process has another
        # holder, and `_hold` writes its rows again.
        with contextlib.suppress(psycopg.OperationalError):
            async with self._pool.connection() as conn:
                await conn.execute(sql, args)

    async def watchers_of(self, session_id: UUID) -> tuple[UUID, ...]:
        """Return the users who watch the session, first come first; none while the database does not answer."""
        try:
            async with self._pool.connection() as conn:
                rows = await (await conn.execute(WATCHERS, (session_id,))).fetchall()
        except psycopg.OperationalError:
            return ()
        return tuple(row[0] for row in rows)

    @asynccontextmanager
    async def attendance(self, session_id: UUID) -> AsyncIterator[Roster]:
        """Follow the attendees of the session until the block ends. All readers of a session share one query."""
        roster = self._rosters.setdefault(session_id, Roster())
        roster.readers += 1
        roster.stale.set()
        if roster.task is None:
            roster.task = asyncio.create_task(self._refresh(session_id, roster))
        try:
            yield roster
        finally:
            roster.readers -= 1
            if not roster.readers:
                del self._rosters[session_id]
                roster.task.cancel()

    async def _refresh(self, session_id: UUID, roster: Roster) -> None:
        """Read the watchers whenever the roster is stale, until cancelled."""
        while True:
            await roster.stale.wait()
            roster.stale.clear()
            users = await self.watchers_of(session_id)
            if roster.attendees is None or users != roster.attendees.users:
                roster.attendees = Attendees(users)
                changed, roster.changed = roster.changed, asyncio.Event()
                changed.set()
            await asyncio.sleep(COALESCE_S)
