"""Follows the log: reads new events, folds them into the read models with the position, commits, then publishes.

Several followers may run; an advisory lock lets one work while the others stand by. So do followers of another shape
than that of the read models, such as those of an older version that goes on beside newer ones. An event that cannot be
folded stops all of them: nothing is skipped, and health reports it.
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
from infra.eventlog.log_reader import events_after
from infra.eventlog.notifications import RECONNECT_DELAY_S, Signals
from infra.postgres import database
from projections import read_models, shape
from projections.hub import Batch
from projections.query import DB_UNREACHABLE

log = logging.getLogger(__name__)
FOLLOWER_LOCK = 7_302  # first key of the advisory lock; the second is that of the shape
FOLD_TIMEOUT_S = 30.0  # of one transaction; then the connection counts as lost
BATCH_EVENTS = 300  # in one transaction, at most
POLL_INTERVAL_S = 5.0  # a lost notification delays the read models by no more
FAIL = "update follower set failed = %s where shape = %s"


class Follower:
    """Keeps the read models up to date. `publish` gets each batch after its commit, when its rows can be read."""

    def __init__(
        self, url: str, platform: Platform, signals: Signals, publish: Callable[[Batch], Awaitable[None]]
    ) -> None:
        self._url, self._platform, self._signals, self._publish = url, platform, signals, publish
        self._after = 0  # the position before the batch that is folded
        self.failed: str | None = None  # the error, and the position before the event that cannot be folded

    async def run(self) -> None:
        """Follow until cancelled. Survives lost connections, but returns at an event that cannot be folded."""
        stored = self._signals.stored.subscribe()
        while self.failed is None:
            with contextlib.suppress(*DB_UNREACHABLE):
                async with database.connection(self._url) as conn:
                    own = shape.own_shape()
                    await conn.execute(read_models.SET_SHAPE, (own.digest,))
                    await conn.execute("select pg_advisory_lock(%s, %s)", (FOLLOWER_LOCK, own.lock_key))
                    await self._follow(conn, stored)
            await asyncio.sleep(RECONNECT_DELAY_S)

    async def _follow(self, conn: AsyncConnection[Any], stored: asyncio.Event) -> None:
        while self.failed is None:
            stored.clear()
            if not await self._advance(conn):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_INTERVAL_S):
                        await stored.wait()

    async def _advance(self, conn: AsyncConnection[Any]) -> bool:
        """Fold the next batch in one transaction and publish it. Returns whether there was one."""
        try:
            batch = await database.answer_within(FOLD_TIMEOUT_S, conn, self._fold(conn))
        except DB_UNREACHABLE:
            raise
        except Exception as error:
            if conn.closed:
                raise psycopg.OperationalError("the connection was lost") from error
            log.critical("an event cannot be folded; the follower stops", exc_info=True)
            self.failed = f"{type(error).__name__} after position {self._after}"
            await conn.execute(FAIL, (self.failed, shape.own_shape().digest))
            return False
        if batch is None:
            return False
        try:
            await self._publish(batch)
        except Exception as error:  # the rows are stored: a failed push must not stop what folds them
            because = f"{type(error).__name__}: {error}"
            log.warning("a batch was not published; readers look it up in the trail", extra={"because": because})
        return True

    async def _fold(self, conn: AsyncConnection[Any]) -> Batch | None:
        """Fold the next batch in one transaction. Returns None without new events, and while standing by."""
        async with conn.pipeline(), conn.transaction():
            cur = await conn.execute("select position, shape from follower for update")
            self._after, digest = await cur.fetchone() or (0, "")
            if digest != shape.own_shape().digest:  # another version has replaced the read models by its own
                return None
            events = await events_after(conn, self._platform, self._after, BATCH_EVENTS)
            if not events:
                return None
            position = events[-1][0]
            entries, has_work = await read_models.advance(
                conn, [event for _, event in events], [position for position, _ in events]
            )
            await conn.execute("update follower set position = %s, failed = null", (position,))
            await conn.execute("select pg_notify('tenure_followed', %s)", (str(position),))
            if has_work:
                await conn.execute("notify tenure_work")
        return Batch(self._after, position, entries)
