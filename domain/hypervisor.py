"""The hypervisor: whether it answers. While it does not, machines run on, but their state is not known."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate

NAMESPACE = UUID("f9a0f0f4-6b0c-5f5d-8b0a-2c1d9f3e7a55")


class Hypervisor(aggregate.Aggregate):
    """Whether libvirt answers, as it was last seen."""

    class Event(aggregate.Aggregate.Event):
        pass

    class Met(aggregate.Aggregate.Created):
        """Libvirt answered for the first time."""

    class Lost(Event):
        """Libvirt does not answer any more."""

    class Found(Event):
        """Libvirt answers again."""

    @staticmethod
    def id_of() -> UUID:
        return uuid5(NAMESPACE, "libvirt")

    @event(Met)
    def __init__(self, id: UUID, at: datetime) -> None:
        self._id = id
        self.answers = True

    def report(self, answers: bool, now: datetime) -> None:
        """Record whether the hypervisor answers, if that is new."""
        if answers and not self.answers:
            self._mark_found(now)
        elif self.answers and not answers:
            self._mark_lost(now)

    @event(Lost)
    def _mark_lost(self, at: datetime) -> None:
        self.answers = False

    @event(Found)
    def _mark_found(self, at: datetime) -> None:
        self.answers = True
