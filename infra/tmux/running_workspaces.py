"""The workspaces that run, their owners, and the watches of their terminals, which are open for as long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from application.access import TENURE
from application.ports.errors import Unavailable
from application.ports.terminals import TmuxSession
from domain.machine import Status
from domain.region import LOCAL
from infra.tmux.watch_pool import TmuxWatchPool
from projections import workspaces
from projections.hub import Hub
from projections.query import Queries
from projections.stream_reader import CutOff, Push, ShuttingDown, StreamMessage
from projections.trail import Entry, State

START_EVENTS = ("workspace.provisioned", "workspace.started", "workspace.adopted")
RETRY_PAUSE_S = 1.0  # while the database does not answer


class RunningWorkspaces:
    """Follows the log, and keeps a watch open for each workspace that runs on an engine of this installation."""

    def __init__(self, hub: Hub, queries: Queries, watch_pool: TmuxWatchPool, provider: str) -> None:
        self._hub, self._queries, self._watch_pool, self._provider = hub, queries, watch_pool, provider
        self._owners: dict[str, UUID] = {}
        self._regions: dict[str, str] = {}
        self._is_known = False

    async def run(self, changed: asyncio.Event) -> None:
        """Follow until cancelled, and set `changed` whenever other workspaces run. Afterwards nothing is known."""
        try:
            while self._watch_pool.hosts is None:  # workspaces have no terminals, so all about them is known
                self._is_known = True
                changed.set()
                await asyncio.Event().wait()
            while True:
                try:
                    async for batch in self._hub.follow(TENURE, None, None):
                        if any([await self._apply(message) for message in batch]):
                            await self._watch_pool.keep_open({self._host_name(id) for id in self._owners})
                            self._is_known = True
                            changed.set()
                        del batch  # frees its memory while this waits for the next one
                except CutOff:
                    continue
                except Unavailable:
                    await asyncio.sleep(RETRY_PAUSE_S)
                except ShuttingDown:
                    await asyncio.Event().wait()  # until this task is cancelled, too
        finally:
            self._is_known = False

    async def _apply(self, message: StreamMessage) -> bool:
        """Whether other workspaces run than before, or the list was read anew."""
        if isinstance(message, Push):
            return self._apply_entry(message.entry)
        rows = await workspaces.list_running(self._queries, self._provider)
        self._owners = {str(row.id): row.owner_id for row in rows}
        self._regions = {str(row.id): row.region for row in rows}
        return True

    def _apply_entry(self, entry: Entry) -> bool:
        if not entry.kind.startswith("workspace."):
            return False
        id, row = str(entry.subject), entry.state
        old_owner_id = self._owners.pop(id, None)
        if row is None or row["status"] != Status.RUNNING or not self._is_on_our_engine(row):
            self._regions.pop(id, None)
            return old_owner_id is not None
        self._owners[id] = owner_id = UUID(str(row["owner_id"]))
        self._regions[id] = row["region"]
        if entry.kind in START_EVENTS and (watch := self._watch_pool.get(self._host_name(id))):
            watch.host.on_restart()
        return old_owner_id != owner_id

    def _is_on_our_engine(self, row: State) -> bool:
        """Whether the workspace runs on an engine of now: a local one may have been made under another provider."""
        return bool(row["region"] != LOCAL or row["provider"] == self._provider)

    def _host_name(self, id: str) -> str:
        assert self._watch_pool.hosts
        return self._watch_pool.hosts.name_of(id, self._regions[id])

    def sessions(self) -> Iterator[TmuxSession]:
        """The terminals of running workspaces: the sessions on their hosts that have their ids as names."""
        for watch in self._watch_pool.workspace_watches():
            for session in watch.state.sessions:
                if session.name in self._owners:
                    yield replace(session, owner_id=self._owners[session.name])

    def is_known(self, host_name: str) -> bool:
        """Whether it is known which sessions that host has; also where it can have none."""
        if not self._is_known:
            return False
        watch = self._watch_pool.get(host_name)
        return watch is None or watch.is_known.is_set()
