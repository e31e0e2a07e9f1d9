"""What the database says of its own accord: one listening connection a process, and nothing polls.

tenure_events     events were stored (the library's own channel)
tenure_followed   the read models have reached a position
tenure_work       there is new work
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import psycopg

from infra.postgres import database
from projections.query import AWAY, Tide

log = logging.getLogger(__name__)
WORKERS = 7_303  # first key of the advisory locks by which a worker shows that it lives


class Bell:
    """Rung for everybody: each ear keeps that it has rung until its owner has listened."""

    def __init__(self) -> None:
        self._ears: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def ear(self) -> asyncio.Event:
        """For who listens on the event loop that runs now."""
        ear = asyncio.Event()
        self._ears.append((asyncio.get_running_loop(), ear))
        return ear

    def ring(self) -> None:
        for loop, ear in self._ears:
            with contextlib.suppress(RuntimeError):  # that loop has ended
                loop.call_soon_threadsafe(ear.set)


class Signals:
    """What to wait for. After a lost connection all of them are raised once: look, you may have missed something."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.stored = Bell()
        self.work = Bell()
        self.back = Bell()  # connected, for the first time or again
        self.followed = Tide()
        self.holder = 0  # this process, as leases name it; 0: not connected
        self.connected = False

    async def run(self) -> None:
        """Listen until cancelled; connect again, as often as it takes."""
        while True:
            with contextlib.suppress(*AWAY):
                conn = await database.connect(self._url)
                try:
                    await self._listen(conn)
                finally:
                    self.connected, self.holder = False, 0
                    with contextlib.suppress(Exception):
                        await conn.close()
            await asyncio.sleep(0.5)

    async def _listen(self, conn: psycopg.AsyncConnection[Any]) -> None:
        for channel in ("tenure_events", "tenure_followed", "tenure_work"):
            await conn.execute(f"listen {channel}")
        pid = conn.info.backend_pid
        await conn.execute("select pg_advisory_lock(%s, %s)", (WORKERS, pid))
        cur = await conn.execute("select position from follower")
        (position,) = await cur.fetchone() or (0,)
        self.holder, self.connected = pid, True
        self.back.ring()
        self.stored.ring()
        self.work.ring()
        self.followed.rise(position)
        async for notified in conn.notifies():
            match notified.channel:
                case "tenure_events":
                    self.stored.ring()
                case "tenure_work":
                    self.work.ring()
                case "tenure_followed":
                    self.followed.rise(int(notified.payload))
