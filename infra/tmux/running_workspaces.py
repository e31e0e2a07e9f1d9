"""Which workspaces run, whose they are, and their terminals, which are watched for as long as they do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from application.access import TENURE
from application.ports.errors import Unavailable
from application.ports.terminals import SeenSession
from domain.machine import Status
from domain.region import LOCAL
from infra.tmux.watch_pool import Watches
from projections import workspaces
from projections.hub import Hub
from projections.query import Queries
from projections.stream_reader import CutOff, Push, ShuttingDown, StreamMessage
from projections.trail import Entry, State

STARTS = ("workspace.provisioned", "workspace.started", "workspace.adopted")


class RunningWorkspaces:
    """Follows the log. `changed` tells whoever looks that there is something new to see."""

    def __init__(self, hub: Hub, queries: Queries, watches: Watches, provider: str) -> None:
        self._hub, self._queries, self._watches, self._provider = hub, queries, watches, provider
        self._owners: dict[str, UUID] = {}
        self._regions: dict[str, str] = {}
        self._known = False

    async def run(self, changed: asyncio.Event) -> None:
        """Until cancelled. Afterwards nothing is known."""
        try:
            while self._watches.places is None:  # there are no terminals, and that is known
                self._known = True
                changed.set()
                await asyncio.Event().wait()
            while True:
                try:
                    async for some in self._hub.follow(TENURE, None, None):
                        if any([await self._hear(told) for told in some]):
                            await self._watches.keep({self._place(id) for id in self._owners})
                            self._known = True
                            changed.set()
                        del some  # the next may be long in coming
                except CutOff:
                    continue
                except Unavailable:
                    await asyncio.sleep(1)
                except ShuttingDown:
                    await asyncio.Event().wait()  # we are being ended as well
        finally:
            self._known = False

    async def _hear(self, told: StreamMessage) -> bool:
        """Whether others run now than before, or it is the first time that this is known."""
        if isinstance(told, Push):
            return self._happened(told.entry)
        found = await workspaces.list_running(self._queries, self._provider)
        self._owners = {str(row.id): row.owner_id for row in found}
        self._regions = {str(row.id): row.region for row in found}
        return True

    def _happened(self, entry: Entry) -> bool:
        if not entry.kind.startswith("workspace."):
            return False
        id, row = str(entry.subject), entry.state
        was = self._owners.pop(id, None)
        if row is None or row["status"] != Status.RUNNING or not self._is_ours(row):
            self._regions.pop(id, None)
            return was is not None
        self._owners[id] = owner_id = UUID(str(row["owner_id"]))
        self._regions[id] = row["region"]
        if entry.kind in STARTS and (watch := self._watches.get(self._place(id))):
            watch.place.again()
        return was != owner_id

    def _is_ours(self, row: State) -> bool:
        """Not on an engine that this place had before."""
        return bool(row["region"] != LOCAL or row["provider"] == self._provider)

    def _place(self, id: str) -> str:
        assert self._watches.places
        return self._watches.places.place_of(id, self._regions[id])

    def seen(self) -> Iterator[SeenSession]:
        """Of what is on their tmux, the sessions that are theirs: those with their ids as names."""
        for watch in self._watches.workspaces():
            for it in watch.sight.sessions:
                if it.name in self._owners:
                    yield replace(it, owner_id=self._owners[it.name])

    def has_looked(self, place: str) -> bool:
        """Whether it is known what is there: also that nothing can be."""
        if not self._known:
            return False
        watch = self._watches.get(place)
        return watch is None or watch.looked.is_set()
