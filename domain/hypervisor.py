"""Whether what runs virtual machines answers. While it does not, machines go on, and nobody is told what they do."""

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

    def told(self, answers: bool, now: datetime) -> None:
        if answers and not self.answers:
            self._found(now)
        elif self.answers and not answers:
            self._lost(now)

    @event(Lost)
    def _lost(self, at: datetime) -> None:
        self.answers = False

    @event(Found)
    def _found(self, at: datetime) -> None:
        self.answers = True
