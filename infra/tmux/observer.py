"""Tells the log what happens to tmux sessions: those that appear, change and disappear."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import psycopg

from application.access import Cause
from application.ports.errors import Unavailable
from application.ports.terminals import TmuxSession
from application.sessions import Sessions
from domain.session import Session
from infra.postgres import database
from infra.runtime.tasks import end_tasks
from infra.tmux.running_workspaces import RunningWorkspaces
from infra.tmux.watch_pool import TmuxWatchPool
from projections import sessions as rows
from projections.query import Queries

log = logging.getLogger(__name__)
OBSERVER_LOCK = 7_310  # advisory: one process of the installation writes what it observes
CAUSE = Cause(request_id="tmux")
RETRY_PAUSE_S = 1.0  # while the database does not answer


class SessionObserver:
    """Observes the sessions of the own host and those of running workspaces, and writes where the log differs."""

    def __init__(
        self, url: str, watch_pool: TmuxWatchPool, running: RunningWorkspaces, queries: Queries, sessions: Sessions
    ) -> None:
        self._url, self._watch_pool, self._running = url, watch_pool, running
        self._queries, self._sessions = queries, sessions
        self._changed = asyncio.Event()
        watch_pool.on_change(self._changed.set)

    async def run(self) -> None:
        """Observe until cancelled. The lock is freed with its connection, so that another process takes over."""
        while True:
            with contextlib.suppress(psycopg.OperationalError, Unavailable):
                async with database.connection(self._url) as conn:
                    await conn.execute("select pg_advisory_lock(%s)", (OBSERVER_LOCK,))
                    await self._observe()
            await asyncio.sleep(RETRY_PAUSE_S)

    async def _observe(self) -> None:
        """Follow workspaces and write, as the one process that does both."""
        following = asyncio.create_task(self._running.run(self._changed))
        writing = asyncio.create_task(self._write())
        try:
            finished, _ = await asyncio.wait([following, writing], return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                task.result()
        finally:
            await end_tasks([following, writing])
            await self._watch_pool.keep_open(())

    async def _write(self) -> None:
        logged = {row.id: session_of(row) for row in await rows.list_open(self._queries)}
        while True:
            self._changed.clear()
            sessions = (*self._watch_pool.own_host.state.sessions, *self._running.sessions())
            current = with_leads({id_of(session): session for session in sessions}, logged)
            for id in [id for id in logged.keys() - current.keys() if self._is_known(logged[id].host)]:
                await self._sessions.close(id, CAUSE)
                del logged[id]
            for id, session in current.items():
                if logged.get(id) != session:
                    logged[await self._sessions.record(session, CAUSE)] = session
            await self._changed.wait()

    def _is_known(self, host_name: str) -> bool:
        own_host = self._watch_pool.own_host
        if host_name == own_host.host.name:
            return own_host.is_known.is_set()
        return self._running.is_known(host_name)


def id_of(session: TmuxSession) -> UUID:
    """The id of the session's aggregate."""
    return Session.id_of(session.host, session.server, session.tmux_id, session.created_at)


def session_of(row: rows.SessionRow) -> TmuxSession:
    """The session as the log has it."""
    return TmuxSession(
        row.host,
        row.server,
        row.tmux_id,
        row.name,
        row.windows,
        row.created_at,
        row.owner_id,
        lead_id=row.lead_id,
    )


def with_leads(current: dict[UUID, TmuxSession], logged: dict[UUID, TmuxSession]) -> dict[UUID, TmuxSession]:
    """The current sessions, those of a tmux group with the session whose claim covers the group.

    That is the oldest one, which others joined. It stays so when it is closed: else its holder's claim would end.
    """
    groups: dict[tuple[str, int, str], list[UUID]] = {}
    for id, session in current.items():
        if session.group:
            groups.setdefault((session.host, session.server, session.group), []).append(id)
    leads: dict[UUID, UUID] = {}
    for ids in groups.values():
        logged_leads = [lead_id for id in ids if id in logged and (lead_id := logged[id].lead_id)]
        lead_id = min(logged_leads, default=None) or min(ids, key=lambda id: age(current[id]))
        leads |= {id: lead_id for id in ids if id != lead_id}
    return {id: replace(session, lead_id=leads.get(id)) for id, session in current.items()}


def age(session: TmuxSession) -> tuple[datetime, int]:
    """What orders sessions of a server by when they were made; its ids count up."""
    return session.created_at, int(session.tmux_id.removeprefix("$"))
