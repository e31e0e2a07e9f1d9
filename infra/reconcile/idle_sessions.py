"""Ends hosted sessions that have been empty for long: nobody logged in, and nobody watching the terminal."""

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
from infra.postgres.database import try_transaction_lock
from infra.tables import hosted_use
from projections import hosted_sessions, sessions
from projections.hosted_sessions import HostedSessionRow
from projections.query import Queries

log = logging.getLogger(__name__)
IDLE_SESSIONS_LOCK = 7_312  # key of the advisory lock: one process checks at a time
MIN_CHECKS = 4  # before a session is ended
MAX_CHECK_INTERVAL_S = 60.0


@dataclass
class IdleSessions:
    """Ends idle hosted sessions."""

    pool: AsyncConnectionPool[Any]
    queries: Queries
    engines: Engines
    presence: Presence
    hosted: HostedSessions
    clock: Clock
    max_idle: timedelta  # zero: no limit

    async def run(self) -> None:
        """Check all sessions again and again, until cancelled."""
        while self.max_idle:
            try:
                await self.run_once()
            except Exception as error:  # the database does not answer: the next check tries again
                log.warning("the check for idle sessions failed", extra={"because": str(error)})
            await asyncio.sleep(min(self.max_idle.total_seconds() / MIN_CHECKS, MAX_CHECK_INTERVAL_S))
        await asyncio.Event().wait()

    async def run_once(self) -> list[UUID]:
        """Check all sessions, unless another process does. Returns the sessions that were ended."""
        async with self.pool.connection() as conn, conn.transaction():
            if not await try_transaction_lock(conn, IDLE_SESSIONS_LOCK):
                return []
            running = await hosted_sessions.list_all(self.queries)
            await hosted_use.forget_others(conn, [row.id for row in running])
            return [row.id for row in running if await self._end_if_idle(conn, row)]

    async def _end_if_idle(self, conn: AsyncConnection[Any], row: HostedSessionRow) -> bool:
        try:
            used = await self._is_used(row)
        except (Unavailable, EngineRefused):
            return False  # an engine that does not answer must not end anybody's session
        now = self.clock()
        if now - await hosted_use.record(conn, row.id, now, used) < self.max_idle:
            return False
        await self.hosted.end_idle(row.id, Cause(request_id="idle"))
        return True

    async def _is_used(self, row: HostedSessionRow) -> bool:
        terminal = await sessions.get_by_name(self.queries, TENURE, str(row.workspace_id), self.clock())
        if terminal and await self.presence.watchers_of(terminal.id):
            return True
        return await (await self.engines.at(row.region)).is_used(row.workspace_id)
