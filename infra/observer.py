"""What happens to tmux sessions, as facts: a watch tells, and where the log knows otherwise it is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from uuid import UUID

import psycopg

from application.access import Cause
from application.ports import Unavailable
from application.sessions import Sessions
from application.terminals import SeenSession
from domain.session import Session
from infra import database
from infra.tmux_watch import Watch
from projections import sessions as rows
from projections.reads import Reads

log = logging.getLogger(__name__)
OBSERVING = 7_310  # advisory lock: one process writes, however many there are
CAUSE = Cause(request_id="tmux")
PATIENCE = 1.0  # seconds until it looks again, where something was not there


class Observer:
    def __init__(self, url: str, watch: Watch, reads: Reads, sessions: Sessions) -> None:
        self._url, self._watch, self._reads, self._sessions = url, watch, reads, sessions
        self._changed = asyncio.Event()
        watch.on_change(self._changed.set)

    async def run(self) -> None:
        """Until cancelled. The lock goes with the connection, so that another takes over from one that dies."""
        await self._watch.looked.wait()
        while True:
            with contextlib.suppress(psycopg.OperationalError, Unavailable):
                conn = await database.connect(self._url)
                try:
                    await conn.execute("select pg_advisory_lock(%s)", (OBSERVING,))
                    await self._observe()
                finally:
                    with contextlib.suppress(Exception):
                        await conn.close()
            await asyncio.sleep(PATIENCE)

    async def _observe(self) -> None:
        known = {row.id: as_seen(row) for row in await rows.open_on(self._reads, self._watch.place.name)}
        while True:
            self._changed.clear()
            there = {id_of(seen): seen for seen in self._watch.sight.sessions}
            for id in known.keys() - there.keys():
                await self._sessions.closed(id, CAUSE)
                del known[id]
            for id, seen in there.items():
                if known.get(id) != seen:
                    known[await self._sessions.found(seen, CAUSE)] = seen
            await self._changed.wait()


def id_of(seen: SeenSession) -> UUID:
    return Session.id_of(seen.host, seen.server, seen.tmux_id, seen.created_at)


def as_seen(row: rows.SessionRow) -> SeenSession:
    return SeenSession(row.host, row.server, row.tmux_id, row.name, row.windows, row.created_at)
