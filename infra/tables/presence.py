"""Who looks at which session, over all processes: rows that count only while the process that made them lives.

A process shows that it lives by an advisory lock on a connection of its own. PostgreSQL lets go of the lock when the
process ends, however it ends, and its rows are then nobody's.
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
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from application.ports.presence import Present
from infra.postgres import database

log = logging.getLogger(__name__)
LIVING = 7_311  # first key of the advisory locks
SWEEP = 3.0  # seconds between looks for the rows of the dead
GATHER = 0.03  # seconds in which changes become one

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
ALIVE = f"holder in (select objid::int from pg_locks where locktype = 'advisory' and classid = {LIVING} and granted)"
ENTER = """
with made as (
    insert into presence (id, holder, session_id, user_id) values (%s, %s, %s, %s)
    on conflict (id) do update set holder = excluded.holder returning session_id
) select pg_notify('tenure_presence', session_id::text) from made
"""
LEAVE = """
with gone as (delete from presence where id = %s returning session_id)
select pg_notify('tenure_presence', session_id::text) from gone
"""
BURY = f"""
with gone as (delete from presence where not {ALIVE} returning session_id)
select pg_notify('tenure_presence', session_id::text) from (select distinct session_id from gone) sessions
"""
WHO = f"select user_id from presence where session_id = %s and {ALIVE} group by user_id order by min(since), user_id"
AWAY = (psycopg.OperationalError, PoolTimeout)


class Roster:
    """`application.terminals.Attendance` of one session, for all who ask in this process."""

    def __init__(self) -> None:
        self.present: Present | None = None
        self.changed = asyncio.Event()  # replaced at each change, so that everybody hears each
        self.readers = 0
        self.stale = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def after(self, seen: Present | None) -> Present:
        while self.present is None or self.present is seen:
            await self.changed.wait()
        return self.present


class PresenceRows:
    """`Presence` on PostgreSQL."""

    def __init__(self, url: str, pool: AsyncConnectionPool[Any]) -> None:
        self._url, self._pool = url, pool
        self._holder = 0
        self._mine: dict[UUID, tuple[UUID, UUID]] = {}
        self._rosters: dict[UUID, Roster] = {}

    async def run(self) -> None:
        """Keep the lock and listen, until cancelled; connect again, as often as it takes."""
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                conn = await database.connect(self._url)
                try:
                    await self._live(conn)
                finally:
                    self._holder = 0
                    with contextlib.suppress(Exception):
                        await conn.close()
            await asyncio.sleep(0.5)

    async def _live(self, conn: psycopg.AsyncConnection[Any]) -> None:
        await conn.execute("listen tenure_presence")
        await conn.execute("select pg_advisory_lock(%s, %s)", (LIVING, conn.info.backend_pid))
        self._holder = conn.info.backend_pid
        for id, (session_id, user_id) in list(self._mine.items()):
            await conn.execute(ENTER, (id, self._holder, session_id, user_id))
        for roster in self._rosters.values():
            roster.stale.set()
        while True:
            async for notified in conn.notifies(timeout=SWEEP):
                if changed := self._rosters.get(UUID(notified.payload)):
                    changed.stale.set()
            await conn.execute(BURY)

    @asynccontextmanager
    async def here(self, session_id: UUID, user_id: UUID) -> AsyncIterator[None]:
        id = uuid4()
        self._mine[id] = (session_id, user_id)
        try:
            if self._holder:  # else it is written when we are back
                await self._tell(ENTER, (id, self._holder, session_id, user_id))
            yield
        finally:
            del self._mine[id]
            await asyncio.shield(self._tell(LEAVE, (id,)))

    async def _tell(self, sql: str, args: tuple[Any, ...]) -> None:
        with contextlib.suppress(*AWAY):  # the rows of before count no more when the database is back
            async with self._pool.connection() as conn:
                await conn.execute(sql, args)

    async def of(self, session_id: UUID) -> tuple[UUID, ...]:
        try:
            async with self._pool.connection() as conn:
                rows = await (await conn.execute(WHO, (session_id,))).fetchall()
        except AWAY:
            return ()
        return tuple(row[0] for row in rows)

    @asynccontextmanager
    async def attendance(self, session_id: UUID) -> AsyncIterator[Roster]:
        roster = self._rosters.setdefault(session_id, Roster())
        roster.readers += 1
        roster.stale.set()
        if roster.task is None:
            roster.task = asyncio.create_task(self._keep(session_id, roster))
        try:
            yield roster
        finally:
            roster.readers -= 1
            if not roster.readers:
                del self._rosters[session_id]
                roster.task.cancel()

    async def _keep(self, session_id: UUID, roster: Roster) -> None:
        while True:
            await roster.stale.wait()
            roster.stale.clear()
            users = await self.of(session_id)
            if roster.present is None or users != roster.present.users:
                roster.present = Present(users)
                changed, roster.changed = roster.changed, asyncio.Event()
                changed.set()
            await asyncio.sleep(GATHER)
