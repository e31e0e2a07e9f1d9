"""Listens to the database's notifications: one connection a process, so that nothing polls.

tenure_events     events were stored (the library's own channel)
tenure_followed   the read models have reached a position
tenure_work       there is new work
tenure_logins     a login has ended
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any
from uuid import UUID

import psycopg

from application.access_changes import AccessChanges
from infra.postgres import database
from projections.query import DB_UNREACHABLE, Position

log = logging.getLogger(__name__)
WORKER_LOCK = 7_303  # first key of the advisory locks that mark live workers; the second is the backend's pid
RECONNECT_DELAY_S = 0.5
HEARTBEAT_INTERVAL_S = 2.0  # without a notification, after which the database is asked whether it is still there
HEARTBEAT_TIMEOUT_S = 2.0  # for its answer; then the connection counts as lost


class Signal:
    """One event for many subscribers on any event loop. A subscriber's flag stays set until it clears the flag."""

    def __init__(self) -> None:
        self._subscribers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def subscribe(self) -> asyncio.Event:
        """Return a flag for the running event loop. Each `set` sets it; the subscriber clears it."""
        flag = asyncio.Event()
        self._subscribers.append((asyncio.get_running_loop(), flag))
        return flag

    def set(self) -> None:
        """Set the flag of every subscriber. May be called from any thread."""
        for loop, flag in self._subscribers:
            with contextlib.suppress(RuntimeError):  # that loop has ended
                loop.call_soon_threadsafe(flag.set)


class Signals:
    """The signals of this process. A new connection sets all of them, since notifications may have been missed."""

    def __init__(self, url: str, access_changes: AccessChanges | None = None) -> None:
        self._url = url
        self._access_changes = AccessChanges() if access_changes is None else access_changes
        self.stored = Signal()
        self.work = Signal()
        self.reconnected = Signal()  # set by the first connection, too
        self.followed = Position()
        self.holder = 0  # names this process in leases: its backend's pid; 0 while not connected
        self.connected = False

    async def run(self) -> None:
        """Listen until cancelled. Reconnect whenever the connection is lost."""
        while True:
            with contextlib.suppress(*DB_UNREACHABLE):
                async with database.connection(self._url) as conn:
                    try:
                        await self._listen(conn)
                    finally:
                        self.connected, self.holder = False, 0
            await asyncio.sleep(RECONNECT_DELAY_S)

    async def _listen(self, conn: psycopg.AsyncConnection[Any]) -> None:
        for channel in ("tenure_events", "tenure_followed", "tenure_work", "tenure_logins"):
            await conn.execute(f"listen {channel}")
        pid = conn.info.backend_pid
        await conn.execute("select pg_advisory_lock(%s, %s)", (WORKER_LOCK, pid))
        position = await read_position(conn)
        self.holder, self.connected = pid, True
        self.reconnected.set()
        self.stored.set()
        self.work.set()
        self.followed.advance(position)
        self._access_changes.signal_all()  # logins may have ended while nobody listened
        while True:
            async for notification in conn.notifies(timeout=HEARTBEAT_INTERVAL_S):
                self._handle(notification)
            # A network that has gone silent looks like a database without news. Streams would fall silent, too.
            self.followed.advance(await database.answer_within(HEARTBEAT_TIMEOUT_S, conn, read_position(conn)))

    def _handle(self, notification: psycopg.Notify) -> None:
        match notification.channel:
            case "tenure_events":
                self.stored.set()
            case "tenure_work":
                self.work.set()
            case "tenure_followed":
                self.followed.advance(int(notification.payload))
            case "tenure_logins":
                self._access_changes.signal(UUID(notification.payload))


async def read_position(conn: psycopg.AsyncConnection[Any]) -> int:
    """Return the position up to which the read models are folded."""
    cur = await conn.execute("select position from follower")
    (position,) = await cur.fetchone() or (0,)
    return int(position)
