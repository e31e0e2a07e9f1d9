"""The code that people say to one another to find a workshop: one workshop's, and free when that is deleted.

Its id follows from the code, however it was typed, and it is stored together with the workshop, so that of two who
take one, one has it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate

CODES = UUID("d1b0a6f4-53a1-5a0e-8a44-0a1c7f7f3e21")
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without 0 and O, 1 and I: they are dictated


def plain(code: str) -> str:
    """It without case, hyphens and spaces, which do not count."""
    return "".join(c for c in code.upper() if c not in "- ")


class Code(aggregate.Aggregate):
    class Event(aggregate.Aggregate.Event):
        pass

    class Taken(aggregate.Aggregate.Created):
        """For the first time."""

        workshop_id: UUID

    class TakenAgain(Event):
        workshop_id: UUID

    class Freed(Event):
        pass

    @staticmethod
    def id_of(code: str) -> UUID:
        return uuid5(CODES, plain(code))

    @event(Taken)
    def __init__(self, id: UUID, at: datetime, workshop_id: UUID) -> None:
        self._id = id
        self.workshop_id: UUID | None = workshop_id  # None: nobody's

    def take(self, workshop_id: UUID, now: datetime) -> bool:
        """Whether it is that workshop's now."""
        if self.workshop_id is None:
            self._taken_again(now, workshop_id)
        return self.workshop_id == workshop_id

    def free(self, workshop_id: UUID, now: datetime) -> None:
        """Whoever took it after that workshop keeps it."""
        if self.workshop_id == workshop_id:
            self._freed(now)

    @event(TakenAgain)
    def _taken_again(self, at: datetime, workshop_id: UUID) -> None:
        self.workshop_id = workshop_id

    @event(Freed)
    def _freed(self, at: datetime) -> None:
        self.workshop_id = None
