"""Ends hosted sessions that have been empty for long: nobody logged in, and nobody watching the terminal."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from application.access import TENURE, Cause
from application.hosted_sessions import HostedSessions
from application.ports.clock import Clock
from application.ports.errors import EngineRefused, Unavailable
from application.ports.presence import Presence
from application.ports.regions import Engines
from infra.postgres.database import try_lock
from infra.tables import hosted_use
from projections import hosted_sessions, sessions
from projections.hosted_sessions import HostedSessionRow
from projections.query import Queries

log = logging.getLogger(__name__)
IDLE_SESSIONS_LOCK = 7_312  # key of the advisory lock: one process checks at a time
MAX_PARALLEL_CHECKS = 8  # sessions that are checked side by side
MIN_CHECKS = 4  # before a session is ended
MAX_CHECK_INTERVAL_S = 60.0


@dataclass
class IdleSessions:
    """Ends idle hosted sessions."""

    database_url: str
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
        async with try_lock(self.database_url, IDLE_SESSIONS_LOCK) as locked:
            if not locked:
                return []
            running = await hosted_sessions.list_all(self.queries)
            async with self.pool.connection() as conn:
                await hosted_use.forget_others(conn, [row.id for row in running])
            free = asyncio.Semaphore(MAX_PARALLEL_CHECKS)

            async def check(row: HostedSessionRow) -> bool:
                async with free:
                    return await self._end_if_idle(row)

            ended = await asyncio.gather(*map(check, running))
            return [row.id for row, was_ended in zip(running, ended, strict=True) if was_ended]

    async def _end_if_idle(self, row: HostedSessionRow) -> bool:
        try:
            used = await self._is_used(row)
        except (Unavailable, EngineRefused):
            return False  # an engine that does not answer must not end anybody's session
        now = self.clock()
        async with self.pool.connection() as conn:
            last_used = await hosted_use.record(conn, row.id, now, used)
        if now - last_used < self.max_idle:
            return False
        await self.hosted.end_idle(row.id, Cause(request_id="idle"))
        return True

    async def _is_used(self, row: HostedSessionRow) -> bool:
        terminal = await sessions.get_by_name(self.queries, TENURE, str(row.workspace_id), self.clock())
        if terminal and await self.presence.watchers_of(terminal.id):
            return True
        return await (await self.engines.at(row.region)).is_used(row.workspace_id)
