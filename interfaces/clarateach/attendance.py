"""Who sits where, and whether they are there: as a list, and as a stream of such lists (T48)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

import orjson
from sse_starlette import ServerSentEvent

from application.access import Actor
from application.ports.errors import Unavailable
from interfaces.clarateach import views as present
from interfaces.clarateach.deps import ClaraTeachDeps
from projections import seats, workshops
from projections.stream_reader import AccessRevoked, CutOff, ShuttingDown
from projections.workshops import WorkshopRow


async def learners(deps: ClaraTeachDeps, row: WorkshopRow) -> dict[str, Any]:
    taken = [it for it in seats.rows_of(row) if it.learner_id]
    known = await deps.learners.describe([it.learner_id for it in taken if it.learner_id])
    shown: list[dict[str, Any]] = []
    for it in taken:
        there = bool(it.machine_id and it.learner_id in await deps.presence.watchers_of(it.machine_id))
        shown.append(present.learner(it, known.get(it.learner_id) if it.learner_id else None, there))
    return {"learners": shown, "connected": sum(it["connected"] for it in shown)}


async def changes(deps: ClaraTeachDeps, who: Actor, row: WorkshopRow) -> AsyncIterator[bytes]:
    """The list as it is, and again whenever it is another one. It ends with the workshop."""
    watched, last = Watched(deps, who, row.id), None
    try:
        while found := await workshops.get_by_number(deps.queries, row.number):
            watched.only(it.machine_id for it in seats.rows_of(found) if it.machine_id)
            shown = await learners(deps, found)
            if shown != last:
                told = orjson.dumps(last := shown, option=orjson.OPT_UTC_Z).decode()
                yield ServerSentEvent(told, event="learners").encode()
            await watched.change()
    except (ShuttingDown, AccessRevoked, CutOff, Unavailable):
        return  # the client comes back, and is told how it is then
    finally:
        watched.close()


class Watched:
    """What a list of learners follows from: the workshop's events, and who is present at its machines."""

    def __init__(self, deps: ClaraTeachDeps, who: Actor, id: UUID) -> None:
        self._deps = deps
        self._changed = asyncio.Event()
        self._events = asyncio.create_task(self._follow(who, id))
        self._events.add_done_callback(lambda _: self._changed.set())
        self._machines: dict[UUID, asyncio.Task[None]] = {}

    def only(self, machines: Iterable[UUID]) -> None:
        """Look at these and no others. Each says at once who is there, so nothing is missed in between."""
        wanted = set(machines)
        for id in self._machines.keys() - wanted:
            self._machines.pop(id).cancel()
        for id in wanted - self._machines.keys():
            self._machines[id] = asyncio.create_task(self._attend(id))

    async def change(self) -> None:
        """When something may have changed. Raises what ended the following."""
        await self._changed.wait()
        self._changed.clear()
        if self._events.done():
            self._events.result()

    def close(self) -> None:
        for task in (self._events, *self._machines.values()):
            task.cancel()

    async def _follow(self, who: Actor, id: UUID) -> None:
        async for _ in self._deps.hub.follow(who, id, None):
            self._changed.set()

    async def _attend(self, machine_id: UUID) -> None:
        seen = None
        async with self._deps.presence.attendance(machine_id) as attendance:
            while True:
                seen = await attendance.after(seen)
                self._changed.set()
