"""The name that people say to one another to find a session: one session's at a time, and free afterwards.

Its id follows from the alias, and it is stored together with the session, so that of two who take one, one has it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Conflict

ALIASES = UUID("3c0f7f0e-0b62-5d0c-9a7e-6f6f1f1b8c55")


class Alias(aggregate.Aggregate):
    class Event(aggregate.Aggregate.Event):
        pass

    class Taken(aggregate.Aggregate.Created):
        """For the first time."""

        session_id: UUID

    class TakenAgain(Event):
        session_id: UUID

    class Freed(Event):
        pass

    @staticmethod
    def id_of(alias: str) -> UUID:
        return uuid5(ALIASES, alias.lower())

    @event(Taken)
    def __init__(self, id: UUID, at: datetime, session_id: UUID) -> None:
        self._id = id
        self.session_id: UUID | None = session_id  # None: nobody's

    def take(self, session_id: UUID, now: datetime) -> None:
        if self.session_id not in (None, session_id):
            raise Conflict("another session goes by this alias")
        if self.session_id is None:
            self._taken_again(now, session_id)

    def free(self, session_id: UUID, now: datetime) -> None:
        """Whoever took it after that session keeps it."""
        if self.session_id == session_id:
            self._freed(now)

    @event(TakenAgain)
    def _taken_again(self, at: datetime, session_id: UUID) -> None:
        self.session_id = session_id

    @event(Freed)
    def _freed(self, at: datetime) -> None:
        self.session_id = None
