"""Ending hosted sessions that nobody has been in for long: neither logged in, nor looking at their terminal."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.access import TENURE, Cause
from application.hosted_sessions import HostedSessions
from application.ports.clock import Clock
from application.ports.errors import EngineRefused, Unavailable
from application.ports.presence import Presence
from application.ports.regions import Engines
from infra.tables import hosted_use
from projections import hosted_sessions, sessions
from projections.hosted_sessions import HostedSessionRow
from projections.query import Queries

log = logging.getLogger(__name__)
IDLING = 7_312  # advisory lock: one process looks at a time
LOOKS = 4  # in the time that a session may stand empty
SELDOM = 60.0  # seconds between looks, at most


@dataclass
class Idling:
    pool: AsyncConnectionPool[Any]
    queries: Queries
    engines: Engines
    presence: Presence
    hosted: HostedSessions
    clock: Clock
    longest: timedelta  # that one may stand empty; zero: for ever

    async def run(self) -> None:
        """Until cancelled."""
        while self.longest:
            try:
                await self.once()
            except Exception as error:  # a database that is away: the next look sees
                log.warning("idle sessions were not looked for", extra={"because": str(error)})
            await asyncio.sleep(min(self.longest.total_seconds() / LOOKS, SELDOM))
        await asyncio.Event().wait()

    async def once(self) -> list[UUID]:
        """Returns those that were ended."""
        async with self.pool.connection() as conn, conn.transaction():
            cur = await conn.execute("select pg_try_advisory_xact_lock(%s)", (IDLING,))
            (mine,) = await cur.fetchone() or (False,)
            if not mine:
                return []
            running = await hosted_sessions.list_all(self.queries)
            await hosted_use.forget_others(conn, [row.id for row in running])
            return [row.id for row in running if await self._ended(conn, row)]

    async def _ended(self, conn: AsyncConnection[Any], row: HostedSessionRow) -> bool:
        try:
            used = await self._is_used(row)
        except (Unavailable, EngineRefused):
            return False  # nobody can tell, and so it counts for nothing
        now = self.clock()
        if now - await hosted_use.record(conn, row.id, now, used) < self.longest:
            return False
        await self.hosted.end_idle(row.id, Cause(request_id="idle"))
        return True

    async def _is_used(self, row: HostedSessionRow) -> bool:
        terminal = await sessions.get_by_name(self.queries, TENURE, str(row.workspace_id), self.clock())
        if terminal and await self.presence.watchers_of(terminal.id):
            return True
        return await (await self.engines.at(row.region)).is_used(row.workspace_id)
