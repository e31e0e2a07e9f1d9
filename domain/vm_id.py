"""What a virtual machine is called in addresses: one machine's at a time, and free when that is deleted.

It is stored together with the machine, so that of two who take one, one has it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Conflict

VM_IDS = UUID("0b6cf0c2-2d55-5f5b-9d0a-8f6f1a0f7c3e")


class VmId(aggregate.Aggregate):
    class Event(aggregate.Aggregate.Event):
        pass

    class Taken(aggregate.Aggregate.Created):
        """For the first time."""

        vm_id: UUID

    class TakenAgain(Event):
        vm_id: UUID

    class Freed(Event):
        pass

    @staticmethod
    def id_of(vm: str) -> UUID:
        return uuid5(VM_IDS, vm)

    @event(Taken)
    def __init__(self, id: UUID, at: datetime, vm_id: UUID) -> None:
        self._id = id
        self.vm_id: UUID | None = vm_id  # None: nobody's

    def take(self, vm_id: UUID, now: datetime) -> None:
        if self.vm_id not in (None, vm_id):
            raise Conflict("there is a virtual machine with this id already")
        if self.vm_id is None:
            self._taken_again(now, vm_id)

    def free(self, vm_id: UUID, now: datetime) -> None:
        """Whoever took it after that machine keeps it."""
        if self.vm_id == vm_id:
            self._freed(now)

    @event(TakenAgain)
    def _taken_again(self, at: datetime, vm_id: UUID) -> None:
        self.vm_id = vm_id

    @event(Freed)
    def _freed(self, at: datetime) -> None:
        self.vm_id = None
