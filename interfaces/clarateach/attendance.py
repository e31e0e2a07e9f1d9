"""The learners of a workshop, with their seats and whether they are connected: as a list, and as a stream (T48)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from uuid import UUID

from application.access import Actor
from application.ports.errors import Unavailable
from interfaces.clarateach import views
from interfaces.clarateach.deps import ClaraTeachDeps
from interfaces.clarateach.messages import LearnersChanged
from interfaces.clarateach.views import LearnersJson
from projections import seats, workshops
from projections.stream_reader import AccessRevoked, CutOff, ShuttingDown
from projections.workshops import WorkshopRow


async def list_learners(deps: ClaraTeachDeps, row: WorkshopRow) -> LearnersJson:
    """The learners who have a seat of this workshop now."""
    taken_seats = [(seat, seat.learner_id) for seat in seats.rows_of(row) if seat.learner_id]
    details = await deps.learners.describe([learner_id for _, learner_id in taken_seats])
    learners = []
    for seat, learner_id in taken_seats:
        connected = bool(seat.machine_id and learner_id in await deps.presence.watchers_of(seat.machine_id))
        learners.append(views.learner(seat, details.get(learner_id), connected))
    return {"learners": learners, "connected": sum(learner["connected"] for learner in learners)}


async def follow_learners(deps: ClaraTeachDeps, actor: Actor, row: WorkshopRow) -> AsyncIterator[bytes]:
    """The frames of the stream: the list now, and again whenever it has changed. Ends with the workshop."""
    changes, last_sent = LearnerChanges(deps, actor, row.id), None
    try:
        while current := await workshops.get_by_number(deps.queries, row.number):
            changes.watch_machines(seat.machine_id for seat in seats.rows_of(current) if seat.machine_id)
            learners = await list_learners(deps, current)
            if learners != last_sent:
                last_sent = learners
                yield LearnersChanged(learners).encode()
            await changes.wait()
    except (ShuttingDown, AccessRevoked, CutOff, Unavailable):
        return  # the client reconnects and gets the list as it is then
    finally:
        changes.close()


class LearnerChanges:
    """Signals that a workshop's list of learners may have changed: by its events, or who is at its machines."""

    def __init__(self, deps: ClaraTeachDeps, actor: Actor, id: UUID) -> None:
        self._deps = deps
        self._changed = asyncio.Event()
        self._events = asyncio.create_task(self._follow_events(actor, id))
        self._events.add_done_callback(lambda _: self._changed.set())
        self._machines: dict[UUID, asyncio.Task[None]] = {}

    def watch_machines(self, machine_ids: Iterable[UUID]) -> None:
        """Watch these machines and no others. A new watch signals at once, so that no change is missed before it."""
        wanted_ids = set(machine_ids)
        for id in self._machines.keys() - wanted_ids:
            self._machines.pop(id).cancel()
        for id in wanted_ids - self._machines.keys():
            self._machines[id] = asyncio.create_task(self._follow_attendance(id))

    async def wait(self) -> None:
        """Return when something may have changed. Raises the error that has ended the workshop's events."""
        await self._changed.wait()
        self._changed.clear()
        if self._events.done():
            self._events.result()

    def close(self) -> None:
        """Stop watching."""
        for task in (self._events, *self._machines.values()):
            task.cancel()

    async def _follow_events(self, actor: Actor, id: UUID) -> None:
        async for _ in self._deps.hub.follow(actor, id, None):
            self._changed.set()

    async def _follow_attendance(self, machine_id: UUID) -> None:
        attendees = None
        async with self._deps.presence.attendance(machine_id) as attendance:
            while True:
                attendees = await attendance.after(attendees)
                self._changed.set()
