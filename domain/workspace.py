"""A workspace: a machine lent to its owner for a term, or until it is given back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate, term
from domain.errors import Conflict, Invalid, NotFound
from domain.machine import Operation, Status, should_begin
from domain.machine_config import NamedMachineSpec
from domain.name import validate_name
from domain.region import LOCAL


class Workspace(aggregate.Aggregate):
    """A machine that is lent to its owner for a term, or until it is given back."""

    waiting: str | None  # why it is not running yet
    operation: str | None  # what is under way on its machine
    operation_id: UUID | None
    snapshot_id: UUID | None  # what is being taken or restored

    # -- what can happen: `machine` is {"provider_id", "engine_id", "connection": {…}}, JSON values only -------

    class Event(aggregate.Aggregate.Event):
        pass

    class Requested(aggregate.Aggregate.Created):
        """A workspace was requested. Its machine is made next."""

        owner_id: UUID
        name: str
        template: str | None  # None: the default at the time it is made
        region: str  # the region of its engine
        made_from: NamedMachineSpec | None  # the machine configuration as it was then; None: the template
        provider: str
        ttl_seconds: int | None
        expires_at: datetime | None

        class_version = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state |= {"region": LOCAL, "made_from": None}  # there was one engine, and there were templates

    class Delayed(Event):
        """Its machine cannot be made now. Another attempt follows."""

        reason: str

    class Provisioned(Event):
        """Its machine was made, and runs."""

        machine: dict[str, Any]  # as the engine shows it: provider_id, engine_id, connection

    class ProvisioningFailed(Event):
        """Its machine could not be made, and no further attempt follows."""

        reason: str

    class Cleared(Event):
        """Nothing is left on the engine of the attempt that failed."""

    class OperationRequested(Event):
        """A start, stop, restart, snapshot or restore was requested."""

        operation: str
        operation_id: UUID
        snapshot_id: UUID | None
        label: str  # what a snapshot is called

    class Started(Event):
        """Its machine runs again: after a start, a restart or a restore."""

        operation_id: UUID | None  # None: nobody requested it
        machine: dict[str, Any]  # as the engine shows it: provider_id, engine_id, connection

    class Stopped(Event):
        """Its machine is stopped."""

        operation_id: UUID | None  # None: nobody requested it

    class SnapshotTaken(Event):
        """A snapshot of its machine was stored."""

        operation_id: UUID
        snapshot_id: UUID
        size_bytes: int

    class OperationFailed(Event):
        """The requested operation could not be done."""

        operation_id: UUID
        operation: str
        reason: str

    class Vanished(Event):
        """The engine has lost its machine."""

        reason: str

    class Adopted(Event):
        """The engine runs its machine, which the log had as stopped or failed."""

        machine: dict[str, Any]  # as the engine shows it: provider_id, engine_id, connection

    class Extended(Event):
        """Its term was made longer."""

        ttl_seconds: int  # the whole term, from the request on
        expires_at: datetime

    class ExpiryWarned(Event):
        """Its term ends soon."""

        expires_at: datetime

    class Expired(Event):
        """Its term is over. Its machine is destroyed next."""

    class Deleted(Event):
        """Its holder deleted it. Its machine is destroyed next."""

    class Destroyed(Event):
        """Nothing of it is left on the engine."""

    # -- what may be asked ---------------------------------------------------

    @classmethod
    def request(cls, *, ttl_seconds: int | None, longest: timedelta, now: datetime, **facts: Any) -> Workspace:
        """A new one. `facts` are those of `Requested`, and its id. `longest` is the longest term lent at all."""
        validate_name(facts["name"])
        facts = {"region": LOCAL, "made_from": None} | facts
        ends = None if ttl_seconds is None else now + term.validate_term(ttl_seconds, longest)
        return cls(at=now, ttl_seconds=ttl_seconds, expires_at=ends, **facts)

    def ask(self, operation: Operation, now: datetime, *, snapshot_id: UUID | None = None, label: str = "") -> None:
        """Begin something on its machine. What is so already, or under way already, is not begun again."""
        if label:
            validate_name(label)
        if operation == Operation.RESTORE and snapshot_id not in self.snapshots:
            raise NotFound("this workspace has no such snapshot")
        if (self.operation, self.snapshot_id) == (operation, snapshot_id):
            return  # under way
        if should_begin(operation, self.status, self.operation):
            operation_id = uuid5(self.id, str(self.version + 1))
            self._operation_requested(now, str(operation), operation_id, snapshot_id, label)

    def extend(self, ttl_seconds: int, longest: timedelta, now: datetime) -> None:
        """Lend it that much longer, counted from the end of its term, or from now if that is over."""
        if self.status in (Status.ENDED, Status.FAILED):
            raise Conflict(f"this workspace has {self.status}; only one that is in use can be extended")
        if self.expires_at is None:
            raise Conflict("this workspace has no term, so there is nothing to extend")
        until = max(self.expires_at, now) + term.validate_term(ttl_seconds, longest)
        if until - now > longest:
            raise Invalid(f"that would end more than {longest.days} days from now, the longest term there is")
        self._extended(now, round((until - self.created_at).total_seconds()), until)

    def delete(self, now: datetime) -> None:
        if self.status == Status.ENDED:
            raise NotFound("this workspace has ended")
        self._deleted(now)

    # -- what is due, or what the world reports: never refused, and nothing new the second time ---------

    def warn(self, now: datetime) -> None:
        if self.status != Status.ENDED and self.expires_at and self.warn_at and self.warn_at <= now:
            self._expiry_warned(now, self.expires_at)

    def expire(self, now: datetime) -> None:
        """The end of its term, in whatever status (V38). Who was not warned yet is warned first."""
        if self.status != Status.ENDED and self.expires_at and self.expires_at <= now:
            self.warn(now)
            self._expired(now)

    def delayed(self, reason: str, now: datetime) -> None:
        if self.status == Status.CREATING and self.waiting != reason:
            self._delayed(now, reason)

    def provisioned(self, machine: dict[str, Any], now: datetime) -> None:
        if self.status == Status.CREATING:
            self._provisioned(now, machine)

    def give_up(self, reason: str, now: datetime) -> None:
        if self.status == Status.CREATING:
            self._provisioning_failed(now, reason)

    def cleared(self, now: datetime) -> None:
        if self.status == Status.FAILED and self.uncleared:
            self._cleared(now)

    def started(self, operation_id: UUID | None, machine: dict[str, Any], now: datetime) -> None:
        if operation_id == self.operation_id:
            self._started(now, operation_id, machine)

    def stopped(self, operation_id: UUID | None, now: datetime) -> None:
        if operation_id == self.operation_id and self.status == Status.RUNNING:
            self._stopped(now, operation_id)

    def snapshot_taken(self, operation_id: UUID, size_bytes: int, now: datetime) -> None:
        if operation_id == self.operation_id and self.snapshot_id:
            self._snapshot_taken(now, operation_id, self.snapshot_id, size_bytes)

    def operation_failed(self, operation_id: UUID, reason: str, now: datetime) -> None:
        if self.operation and operation_id == self.operation_id:
            self._operation_failed(now, operation_id, str(self.operation), reason)

    def vanished(self, reason: str, now: datetime) -> None:
        if self.status in (Status.RUNNING, Status.STOPPED):
            self._vanished(now, reason)

    def adopted(self, machine: dict[str, Any], now: datetime) -> None:
        if self.machine and not self.operation and self.status in (Status.STOPPED, Status.FAILED):
            self._adopted(now, machine)

    def destroyed(self, now: datetime) -> None:
        if self.status == Status.ENDED and self.destroyed_at is None:
            self._destroyed(now)

    # -- what it then is: never refuses, never looks at a clock -----------------

    @event(Requested)
    def __init__(
        self,
        id: UUID,
        at: datetime,
        owner_id: UUID,
        name: str,
        template: str | None,
        region: str,
        made_from: NamedMachineSpec | None,
        provider: str,
        ttl_seconds: int | None,
        expires_at: datetime | None,
    ) -> None:
        self._id = id
        self.owner_id, self.name, self.provider = owner_id, name, provider
        self.template, self.region, self.made_from = template, region, made_from
        self.ttl_seconds, self.expires_at = ttl_seconds, expires_at
        self.warn_at = term.warning_at(at, expires_at) if expires_at else None  # None: no term, or warned
        self.created_at = at
        self.machine: dict[str, Any] | None = None
        self.error: str | None = None
        self.uncleared = False  # an attempt failed, and may have left something on the engine
        self.snapshots: list[UUID] = []
        self.ended_because: str | None = None
        self.destroyed_at: datetime | None = None
        self._is(Status.CREATING, at)

    @event(Delayed)
    def _delayed(self, at: datetime, reason: str) -> None:
        self.waiting = reason

    @event(Provisioned)
    def _provisioned(self, at: datetime, machine: dict[str, Any]) -> None:
        self._runs(at, machine)

    @event(ProvisioningFailed)
    def _provisioning_failed(self, at: datetime, reason: str) -> None:
        self._is(Status.FAILED, at)
        self.error, self.uncleared = reason, True

    @event(Cleared)
    def _cleared(self, at: datetime) -> None:
        self.uncleared = False

    @event(OperationRequested)
    def _operation_requested(
        self, at: datetime, operation: str, operation_id: UUID, snapshot_id: UUID | None, label: str
    ) -> None:
        self.operation, self.operation_id, self.snapshot_id = operation, operation_id, snapshot_id
        self.updated_at = at

    @event(Started)
    def _started(self, at: datetime, operation_id: UUID | None, machine: dict[str, Any]) -> None:
        self._runs(at, machine)

    @event(Stopped)
    def _stopped(self, at: datetime, operation_id: UUID | None) -> None:
        self._is(Status.STOPPED, at)

    @event(SnapshotTaken)
    def _snapshot_taken(self, at: datetime, operation_id: UUID, snapshot_id: UUID, size_bytes: int) -> None:
        self.snapshots.append(snapshot_id)
        self._is(self.status, at)

    @event(OperationFailed)
    def _operation_failed(self, at: datetime, operation_id: UUID, operation: str, reason: str) -> None:
        self._is(self.status, at)

    @event(Vanished)
    def _vanished(self, at: datetime, reason: str) -> None:
        self._is(Status.FAILED, at)
        self.error = reason

    @event(Adopted)
    def _adopted(self, at: datetime, machine: dict[str, Any]) -> None:
        self._runs(at, machine)

    @event(Extended)
    def _extended(self, at: datetime, ttl_seconds: int, expires_at: datetime) -> None:
        self.ttl_seconds, self.expires_at, self.updated_at = ttl_seconds, expires_at, at
        self.warn_at = term.warning_at(at, expires_at)

    @event(ExpiryWarned)
    def _expiry_warned(self, at: datetime, expires_at: datetime) -> None:
        self.warn_at = None

    @event(Expired)
    def _expired(self, at: datetime) -> None:
        self._ends(at, "its term was over")

    @event(Deleted)
    def _deleted(self, at: datetime) -> None:
        self._ends(at, "it was deleted")

    @event(Destroyed)
    def _destroyed(self, at: datetime) -> None:
        self.destroyed_at = at

    def _is(self, status: Status, at: datetime) -> None:
        """Its status, with nothing under way on it any more."""
        self.status, self.updated_at = status, at
        self.waiting = self.operation = self.operation_id = self.snapshot_id = None

    def _runs(self, at: datetime, machine: dict[str, Any]) -> None:
        self._is(Status.RUNNING, at)
        self.machine, self.error = machine, None

    def _ends(self, at: datetime, because: str) -> None:
        self._is(Status.ENDED, at)
        self.ended_because = because
