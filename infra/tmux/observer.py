"""What happens to tmux sessions, as facts: a watch tells, and where the log knows otherwise it is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from uuid import UUID

import psycopg

from application.access import Cause
from application.ports.errors import Unavailable
from application.ports.terminals import SeenSession
from application.sessions import Sessions
from domain.session import Session
from infra.postgres import database
from infra.runtime.tasks import end
from infra.tmux.running_workspaces import RunningWorkspaces
from infra.tmux.watch_pool import Watches
from projections import sessions as rows
from projections.query import Queries

log = logging.getLogger(__name__)
OBSERVING = 7_310  # advisory lock: one process writes, however many there are
CAUSE = Cause(request_id="tmux")
PATIENCE = 1.0  # seconds until it looks again, where something was not there


class Observer:
    """Of the host's sessions, and of those of the workspaces that run."""

    def __init__(
        self, url: str, watches: Watches, running: RunningWorkspaces, queries: Queries, sessions: Sessions
    ) -> None:
        self._url, self._watches, self._running = url, watches, running
        self._queries, self._sessions = queries, sessions
        self._changed = asyncio.Event()
        watches.on_change(self._changed.set)

    async def run(self) -> None:
        """Until cancelled. The lock goes with the connection, so that another takes over from one that dies."""
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
        """The workspaces are followed by whoever writes, and by nobody else."""
        following = asyncio.create_task(self._running.run(self._changed))
        writing = asyncio.create_task(self._write())
        try:
            done, _ = await asyncio.wait([following, writing], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await end([following, writing])
            await self._watches.keep(())

    async def _write(self) -> None:
        known = {row.id: as_seen(row) for row in await rows.list_open(self._queries)}
        while True:
            self._changed.clear()
            there = {id_of(seen): seen for seen in (*self._watches.host.sight.sessions, *self._running.seen())}
            for id in [id for id in known.keys() - there.keys() if self._has_looked(known[id].host)]:
                await self._sessions.close(id, CAUSE)
                del known[id]
            for id, seen in there.items():
                if known.get(id) != seen:
                    known[await self._sessions.record(seen, CAUSE)] = seen
            await self._changed.wait()

    def _has_looked(self, place: str) -> bool:
        if place == self._watches.host.place.name:
            return self._watches.host.looked.is_set()
        return self._running.has_looked(place)


def id_of(seen: SeenSession) -> UUID:
    return Session.id_of(seen.host, seen.server, seen.tmux_id, seen.created_at)


def as_seen(row: rows.SessionRow) -> SeenSession:
    return SeenSession(row.host, row.server, row.tmux_id, row.name, row.windows, row.created_at, row.owner_id)
