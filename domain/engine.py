"""An engine that runs machines: whether it answers. While it does not, nobody knows whether its machines run."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate

NAMESPACE = UUID("0f3b8c52-4f0e-5a3c-9a51-6f1d6f2b7c10")


class Engine(aggregate.Aggregate):
    """Whether the engine of a region answers, as it was last seen."""

    class Event(aggregate.Aggregate.Event):
        pass

    class Met(aggregate.Aggregate.Created):
        """The engine of a region was followed for the first time."""

        region: str
        provider: str

    class Lost(Event):
        """The engine does not answer any more."""

        region: str

    class Found(Event):
        """The engine answers again."""

        region: str

    @staticmethod
    def id_of(region: str) -> UUID:
        return uuid5(NAMESPACE, region)

    @event(Met)
    def __init__(self, id: UUID, at: datetime, region: str, provider: str) -> None:
        self._id = id
        self.region, self.provider, self.answers = region, provider, True

    def report(self, answers: bool, now: datetime) -> None:
        """Record whether the engine answers, if that is new."""
        if answers and not self.answers:
            self._mark_found(now, self.region)
        elif self.answers and not answers:
            self._mark_lost(now, self.region)

    @event(Lost)
    def _mark_lost(self, at: datetime, region: str) -> None:
        self.answers = False

    @event(Found)
    def _mark_found(self, at: datetime, region: str) -> None:
        self.answers = True
