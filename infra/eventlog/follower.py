"""Following the log: read what is new, fold it, commit it with the position, and then tell.

Several may be started; the advisory lock lets one work, and the others stand by. An event that cannot be folded
stops all of them, loudly: nothing is skipped, and health says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from psycopg import AsyncConnection

from application.platform import Platform
from application.ports.errors import Unavailable
from infra.eventlog.log_reader import events_after
from infra.eventlog.notifications import Signals
from infra.postgres import database
from projections import read_models
from projections.hub import Batch
from projections.query import DB_UNREACHABLE

log = logging.getLogger(__name__)
FOLLOWING = 7_302  # advisory lock
BATCH = 300  # events in one transaction, at most
LOOK = 5.0  # seconds, after which it looks without being told to; a lost notification costs no more


class Follower:
    """`tell` is called with what was folded, once it is committed: who is told can already read it."""

    def __init__(
        self, url: str, platform: Platform, signals: Signals, tell: Callable[[Batch], Awaitable[None]]
    ) -> None:
        self._url, self._platform, self._signals, self._tell = url, platform, signals, tell
        self.failed: str | None = None

    async def run(self) -> None:
        """Follow until cancelled; through lost connections, but not past an event that cannot be folded."""
        stored = self._signals.stored.subscribe()
        while self.failed is None:
            with contextlib.suppress(*DB_UNREACHABLE):
                conn = await database.connect(self._url)
                try:
                    await conn.execute("select pg_advisory_lock(%s)", (FOLLOWING,))
                    await self._follow(conn, stored)
                finally:
                    with contextlib.suppress(Exception):
                        await conn.close()
            await asyncio.sleep(0.5)

    async def _follow(self, conn: AsyncConnection[Any], stored: asyncio.Event) -> None:
        while self.failed is None:
            stored.clear()
            if not await self._advance(conn):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK):
                        await stored.wait()

    async def _advance(self, conn: AsyncConnection[Any]) -> bool:
        """One transaction. Returns whether there was anything."""
        after = 0
        try:
            async with conn.pipeline(), conn.transaction():
                cur = await conn.execute("select position from follower for update")
                (after,) = await cur.fetchone() or (0,)
                batch = await events_after(conn, self._platform, after, BATCH)
                if not batch:
                    return False
                position = batch[-1][0]
                entries, has_work = await read_models.advance(
                    conn, [event for _, event in batch], [at for at, _ in batch]
                )
                await conn.execute("select pg_notify('tenure_followed', %s)", (str(position),))
                if has_work:
                    await conn.execute("notify tenure_work")
        except DB_UNREACHABLE:
            raise
        except Exception as error:
            if conn.closed:
                raise psycopg.OperationalError("the connection was lost") from error
            log.critical("the follower cannot fold an event, and stops", exc_info=True)
            self.failed = f"{type(error).__name__} after position {after}"
            await conn.execute("update follower set failed = %s", (self.failed,))
            return False
        try:
            await self._tell(Batch(after, position, entries))
        except Unavailable:
            log.warning("a push was not told; readers look it up")
        return True
