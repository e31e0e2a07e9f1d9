"""A workspace: a machine lent to its owner for a term, or until it is given back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate, term
from domain.errors import Conflict, NotFound
from domain.machine import MachineEnd, MachineFacts, Operation, Status, runs_otherwise, should_begin
from domain.machine_config import NamedMachineSpec
from domain.name import validate_name
from domain.region import LOCAL

PROVISION_PATIENCE = timedelta(minutes=10)  # where no other is set


class Workspace(aggregate.Aggregate):
    """A machine that is lent to its owner for a term, or until it is given back."""

    waiting: str | None  # why it is not running yet
    operation: str | None  # under way on its machine
    operation_id: UUID | None
    snapshot_id: UUID | None  # the snapshot being taken or restored

    # -- events; `machine` is as the engine shows it, `operation_id` is None where nobody asked ---------------

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
        warns_at: datetime | None
        gives_up_at: datetime  # if it does not run by then

        class_version = 3

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state |= {"region": LOCAL, "made_from": None}  # there was one engine, and there were templates

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            at, ends = state["at"], state["expires_at"]  # neither could be set
            state |= {"warns_at": term.warning_at(at, ends) if ends else None, "gives_up_at": at + PROVISION_PATIENCE}

    class Delayed(Event):
        """Its machine cannot be made now. Another attempt follows."""

        reason: str

    class Provisioned(Event):
        """Its machine was made, and runs."""

        machine: MachineFacts

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
        machine: MachineFacts
        cause: MachineEnd | None  # of a start that nobody requested: why the machine had ended before

        class_version = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["cause"] = None

    class Stopped(Event):
        """Its machine is stopped."""

        operation_id: UUID | None  # None: nobody requested it
        cause: MachineEnd | None  # None: it was requested, or the engine does not tell

        class_version = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["cause"] = None

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

        machine: MachineFacts

    class Extended(Event):
        """Its term was made longer."""

        ttl_seconds: int  # the whole term, from the request on
        expires_at: datetime
        warns_at: datetime

        class_version = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["warns_at"] = term.warning_at(state["at"], state["expires_at"])

    class ExpiryWarned(Event):
        """Its term ends soon."""

        expires_at: datetime

    class Expired(Event):
        """Its term is over. Its machine is destroyed next."""

    class Deleted(Event):
        """Its holder deleted it. Its machine is destroyed next."""

    class Destroyed(Event):
        """Nothing of it is left on the engine."""

    # -- commands --------------------------------------------------------------

    @classmethod
    def request(
        cls,
        *,
        id: UUID,
        owner_id: UUID,
        name: str,
        template: str | None,
        provider: str,
        ttl_seconds: int | None,
        max_term: timedelta,
        now: datetime,
        region: str = LOCAL,
        made_from: NamedMachineSpec | None = None,
        warning_lead: timedelta = term.WARNING_LEAD,
        patience: timedelta = PROVISION_PATIENCE,
    ) -> Workspace:
        """A new workspace. `ttl_seconds` None: it is lent until it is given back. Raises `Invalid`.

        Its holder is warned `warning_lead` before the end. It is given up if it does not run after `patience`.
        """
        expires_at = None if ttl_seconds is None else now + term.validate_term(ttl_seconds, max_term)
        return cls(
            id=id,
            at=now,
            owner_id=owner_id,
            name=validate_name(name),
            template=template,
            region=region,
            made_from=made_from,
            provider=provider,
            ttl_seconds=ttl_seconds,
            expires_at=expires_at,
            warns_at=term.warning_at(now, expires_at, warning_lead) if expires_at else None,
            gives_up_at=now + patience,
        )

    def request_operation(
        self, operation: Operation, now: datetime, *, snapshot_id: UUID | None = None, label: str = ""
    ) -> None:
        """Begin an operation. Does nothing where it is under way, or would change nothing.

        Raises `Conflict`; `NotFound` for a snapshot that is not there; `Invalid` for a label that cannot be shown.
        """
        if label:
            label = validate_name(label)
        if operation == Operation.RESTORE and snapshot_id not in self.snapshots:
            raise NotFound("this workspace has no such snapshot")
        if (self.operation, self.snapshot_id) == (operation, snapshot_id):
            return
        if should_begin(operation, self.status, self.operation):
            operation_id = uuid5(self.id, str(self.version + 1))
            self._operation_requested(now, str(operation), operation_id, snapshot_id, label)

    def extend(
        self, ttl_seconds: int, max_term: timedelta, now: datetime, warning_lead: timedelta = term.WARNING_LEAD
    ) -> None:
        """Make the term longer, as `term.extend` counts. Raises `Conflict`, `Invalid`."""
        if self.status in (Status.ENDED, Status.FAILED):
            raise Conflict(f"this workspace has {self.status}; only one that is in use can be extended")
        if self.expires_at is None:
            raise Conflict("this workspace has no term, so there is nothing to extend")
        expires_at = term.extend(self.expires_at, ttl_seconds, max_term, now)
        whole_term_s = round((expires_at - self.created_at).total_seconds())
        self._extended(now, whole_term_s, expires_at, term.warning_at(now, expires_at, warning_lead))

    def delete(self, now: datetime) -> None:
        if self.status == Status.ENDED:
            raise NotFound("this workspace has ended")
        self._deleted(now)

    # -- reports and due times: never refused, and without effect the second time ---

    def warn(self, now: datetime) -> None:
        if self.status != Status.ENDED and self.expires_at and self.warn_at and self.warn_at <= now:
            self._expiry_warned(now, self.expires_at)

    def expire(self, now: datetime) -> None:
        """End the workspace if its term is over, in any status (V38). A warning that is due comes first."""
        if self.status != Status.ENDED and self.expires_at and self.expires_at <= now:
            self.warn(now)
            self._expired(now)

    def delayed(self, reason: str, now: datetime) -> None:
        if self.status == Status.CREATING and self.waiting != reason:
            self._delayed(now, reason)

    def provisioned(self, machine: MachineFacts, now: datetime) -> None:
        if self.status == Status.CREATING:
            self._provisioned(now, machine)

    def give_up(self, reason: str, now: datetime) -> None:
        if self.status == Status.CREATING:
            self._provisioning_failed(now, reason)

    def cleared(self, now: datetime) -> None:
        if self.status == Status.FAILED and self.uncleared:
            self._cleared(now)

    def started(self, operation_id: UUID | None, machine: MachineFacts, now: datetime) -> None:
        if operation_id == self.operation_id:
            self._started(now, operation_id, machine, None)

    def stopped(self, operation_id: UUID | None, now: datetime, cause: MachineEnd | None = None) -> None:
        if operation_id == self.operation_id and self.status == Status.RUNNING:
            self._stopped(now, operation_id, cause)

    def snapshot_taken(self, operation_id: UUID, size_bytes: int, now: datetime) -> None:
        if operation_id == self.operation_id and self.snapshot_id:
            self._snapshot_taken(now, operation_id, self.snapshot_id, size_bytes)

    def operation_failed(self, operation_id: UUID, reason: str, now: datetime) -> None:
        if self.operation and operation_id == self.operation_id:
            self._operation_failed(now, operation_id, str(self.operation), reason)

    def vanished(self, reason: str, now: datetime) -> None:
        if self.status in (Status.RUNNING, Status.STOPPED):
            self._vanished(now, reason)

    def found_running(self, machine: MachineFacts, now: datetime, cause: MachineEnd | None = None) -> None:
        """Record that the machine runs, if the log has it otherwise. `cause`: why it had ended before."""
        self.adopted(machine, now)
        is_at_rest = self.status == Status.RUNNING and not self.operation
        if is_at_rest and self.machine and runs_otherwise(self.machine, machine):
            self._started(now, None, machine, cause)

    def adopted(self, machine: MachineFacts, now: datetime) -> None:
        if self.machine and not self.operation and self.status in (Status.STOPPED, Status.FAILED):
            self._adopted(now, machine)

    def destroyed(self, now: datetime) -> None:
        if self.status == Status.ENDED and self.destroyed_at is None:
            self._destroyed(now)

    # -- state: never refuses, never reads a clock ------------------------------

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
        warns_at: datetime | None,
        gives_up_at: datetime,
    ) -> None:
        self._id = id
        self.owner_id, self.name, self.provider = owner_id, name, provider
        self.template, self.region, self.made_from = template, region, made_from
        self.ttl_seconds, self.expires_at = ttl_seconds, expires_at
        self.warn_at = warns_at  # None: it has no term, or its holder was warned
        self.created_at = at
        self.machine: MachineFacts | None = None
        self.error: str | None = None
        self.uncleared = False  # True: a failed attempt may have left something on the engine
        self.snapshots: list[UUID] = []
        self.ended_because: str | None = None
        self.destroyed_at: datetime | None = None
        self._set_status(Status.CREATING, at)

    @event(Delayed)
    def _delayed(self, at: datetime, reason: str) -> None:
        self.waiting = reason

    @event(Provisioned)
    def _provisioned(self, at: datetime, machine: MachineFacts) -> None:
        self._set_running(at, machine)

    @event(ProvisioningFailed)
    def _provisioning_failed(self, at: datetime, reason: str) -> None:
        self._set_status(Status.FAILED, at)
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
    def _started(
        self, at: datetime, operation_id: UUID | None, machine: MachineFacts, cause: MachineEnd | None
    ) -> None:
        self._set_running(at, machine)

    @event(Stopped)
    def _stopped(self, at: datetime, operation_id: UUID | None, cause: MachineEnd | None) -> None:
        self._set_status(Status.STOPPED, at)
        self.error = cause["reason"] if cause else None

    @event(SnapshotTaken)
    def _snapshot_taken(self, at: datetime, operation_id: UUID, snapshot_id: UUID, size_bytes: int) -> None:
        self.snapshots.append(snapshot_id)
        self._set_status(self.status, at)

    @event(OperationFailed)
    def _operation_failed(self, at: datetime, operation_id: UUID, operation: str, reason: str) -> None:
        self._set_status(self.status, at)

    @event(Vanished)
    def _vanished(self, at: datetime, reason: str) -> None:
        self._set_status(Status.FAILED, at)
        self.error = reason

    @event(Adopted)
    def _adopted(self, at: datetime, machine: MachineFacts) -> None:
        self._set_running(at, machine)

    @event(Extended)
    def _extended(self, at: datetime, ttl_seconds: int, expires_at: datetime, warns_at: datetime) -> None:
        self.ttl_seconds, self.expires_at, self.updated_at = ttl_seconds, expires_at, at
        self.warn_at = warns_at

    @event(ExpiryWarned)
    def _expiry_warned(self, at: datetime, expires_at: datetime) -> None:
        self.warn_at = None

    @event(Expired)
    def _expired(self, at: datetime) -> None:
        self._end(at, "its term was over")

    @event(Deleted)
    def _deleted(self, at: datetime) -> None:
        self._end(at, "it was deleted")

    @event(Destroyed)
    def _destroyed(self, at: datetime) -> None:
        self.destroyed_at = at

    def _set_status(self, status: Status, at: datetime) -> None:
        """Set the status. Nothing is under way any more."""
        self.status, self.updated_at = status, at
        self.waiting = self.operation = self.operation_id = self.snapshot_id = None

    def _set_running(self, at: datetime, machine: MachineFacts) -> None:
        self._set_status(Status.RUNNING, at)
        self.machine, self.error = machine, None

    def _end(self, at: datetime, because: str) -> None:
        self._set_status(Status.ENDED, at)
        self.ended_because = because
