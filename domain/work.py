"""Work that was given up: a command of the due-list that failed too often, until an administrator decides on it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Conflict


class Work(aggregate.Aggregate):
    """A command for a subject, once it has failed too often. Its events have the position that ordered the command."""

    # -- what can happen ---------------------------------------------------------

    class Parked(aggregate.Aggregate.Created):
        """The command failed too often. It is not tried again until an administrator says so."""

        command: str
        subject: UUID
        attempts: int
        error: str  # the kind of the last error; its text may hold secrets, and is in the log of the process only

    class ParkedAgain(aggregate.Aggregate.Event):
        """The command failed too often once more."""

        command: str
        subject: UUID
        attempts: int
        error: str

    class Retried(aggregate.Aggregate.Event):
        """An administrator had the command tried again."""

        command: str
        subject: UUID

    class Dropped(aggregate.Aggregate.Event):
        """An administrator gave the command up for good."""

        command: str
        subject: UUID

    # -- what may be asked -------------------------------------------------------

    @staticmethod
    def id_of(command: str, subject: UUID) -> UUID:
        """The same id for the same command and subject, however often it is parked."""
        return uuid5(subject, f"work:{command}")

    @event(Parked)
    def __init__(self, id: UUID, at: datetime, command: str, subject: UUID, attempts: int, error: str) -> None:
        self._id = id
        self.command, self.subject = command, subject
        self.attempts, self.error = attempts, error
        self.parked = True

    def park_again(self, attempts: int, error: str, now: datetime) -> None:
        self._park_again(now, self.command, self.subject, attempts, error)

    def retry(self, now: datetime) -> None:
        """Have the command tried again. Raises `Conflict` if it is not parked."""
        self._require_parked()
        self._retry(now, self.command, self.subject)

    def drop(self, now: datetime) -> None:
        """Give the command up. Raises `Conflict` if it is not parked."""
        self._require_parked()
        self._drop(now, self.command, self.subject)

    def _require_parked(self) -> None:
        if not self.parked:
            raise Conflict(f"{self.command} is not parked any more; list what is with `tenure work list`")

    # -- what it then is ---------------------------------------------------------

    @event(ParkedAgain)
    def _park_again(self, at: datetime, command: str, subject: UUID, attempts: int, error: str) -> None:
        self.attempts, self.error = attempts, error
        self.parked = True

    @event(Retried)
    def _retry(self, at: datetime, command: str, subject: UUID) -> None:
        self.parked = False

    @event(Dropped)
    def _drop(self, at: datetime, command: str, subject: UUID) -> None:
        self.parked = False
