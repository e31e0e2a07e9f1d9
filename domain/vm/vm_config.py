"""A virtual machine: its configuration, its state, and the revision of the configuration that it runs on.

Requests to it are orders, and orders are numbered. A report names its order, so a report about an order that a later
one has replaced changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Conflict, Invalid, NotFound
from domain.vm.document import Document, RawDocument, validate_document
from domain.vm_state import STEADY_AFTER, Order, State, backoff_after

IMMUTABLE_FIELDS = ("id", "hypervisor")
NON_MACHINE_FIELDS = frozenset({"id", "name", "autostart", "private"})  # fields that do not reach the hypervisor


class VmConfig(aggregate.Aggregate):
    """A virtual machine: its configuration, and whether it runs."""

    # -- events ---------------------------------------------------------------

    class Event(aggregate.Aggregate.Event): ...

    class Created(aggregate.Aggregate.Created):
        """A virtual machine was configured."""

        document: Document

    class Patched(Event):
        """Its configuration was changed."""

        document: Document
        live: bool  # the machine runs, so it is to receive the change

    class Applied(Event):
        """A running machine received the changes of its configuration."""

        revision: int
        needs_restart: bool  # some of the changes wait for a restart

    class PasswordSet(Event):
        """A password is needed to watch it from now on. The password is in no event."""

        password_id: UUID

    class PasswordRemoved(Event):
        """No password is needed to watch it any more."""

    class StartRequested(Event):
        """A start was requested."""

    class StopRequested(Event):
        """A stop was requested."""

    class RestartRequested(Event):
        """A restart was requested."""

    class Started(Event):
        """It runs."""

        revision: int  # of the configuration that it runs on
        behind: bool  # the configuration was changed meanwhile

    class StartFailed(Event):
        """It could not be started."""

        reason: str
        again_at: datetime | None  # when it is started again; None: it is not

    class Stopped(Event):
        """It is stopped."""

    class Died(Event):
        """It stopped without a request."""

        reason: str
        again_at: datetime | None  # when it is started again; None: it is not

    class Undefined(Event):
        """Libvirt does not know it any more. If it ran, it goes on running."""

    class Deleted(Event):
        """It was deleted. What libvirt has of it is removed next."""

    class Cleared(Event):
        """Nothing of it is left in libvirt."""

    STATE_NAMES = MappingProxyType(
        {"boot_revision": "to_boot", "booted_revision": "booted", "applied_revision": "told"}
    )

    # -- commands --------------------------------------------------------------

    @classmethod
    def create(cls, id: UUID, document: RawDocument, now: datetime) -> VmConfig:
        """A new machine, started if it autostarts. Raises `Invalid`."""
        config = cls(id=id, at=now, document=validate_document(document))
        if document["autostart"]:
            config._start_requested(now)
        return config

    def patch(self, document: RawDocument, now: datetime) -> None:
        """Replace the configuration. Raises `Invalid`."""
        self._require_present()
        current: RawDocument = self.document
        if changed := next((name for name in IMMUTABLE_FIELDS if document.get(name) != current[name]), None):
            raise Invalid(f"{changed} cannot be changed")
        new = validate_document(document)
        if new != self.document:
            self._patched(now, new, self.state != State.STOPPED)

    def set_password(self, password_id: UUID | None, now: datetime) -> None:
        """Set the password, or remove it (None)."""
        self._require_present()
        if password_id:
            self._password_set(now, password_id)
        elif self.password_id:
            self._password_removed(now)

    def start(self, now: datetime) -> None:
        self._require_present()
        if self.state != State.STOPPED and self.under_way != Order.STOP:
            raise Conflict(f"the virtual machine is {self.state} already")
        if self.under_way == Order.STOP:  # the machine may still run, on an older configuration
            self._restart_requested(now)
        else:
            self._start_requested(now)

    def stop(self, now: datetime) -> None:
        """Stop the machine, or cancel the restart of one that has died. Raises `Conflict`."""
        self._require_present()
        if self.under_way == Order.STOP or (self.state == State.STOPPED and self.again_at is None):
            raise Conflict(f"the virtual machine is {'being stopped' if self.under_way else 'stopped'} already")
        self._stop_requested(now)

    def restart(self, now: datetime) -> None:
        self._require_present()
        if self.state != State.RUNNING or self.under_way:
            raise Conflict("the virtual machine does not run, so it cannot be restarted; start it")
        self._restart_requested(now)

    def delete(self, now: datetime) -> None:
        self._require_present()
        self._deleted(now)

    # -- reports and due times: never refused, and without effect the second time ---

    def autostart(self, now: datetime) -> None:
        """Start the machine when Tenure starts, and when the restart after a failure is due."""
        if self.document["autostart"] and self.state == State.STOPPED and self.under_way is None and not self.deleted:
            self._start_requested(now)

    def started(self, order: int, now: datetime) -> bool:
        """Returns whether this is the newest order."""
        if order == self.order and self.under_way in (Order.START, Order.RESTART):
            self._started(now, self.boot_revision, self.boot_revision != self.revision)
        return order == self.order

    def start_failed(self, order: int, reason: str, now: datetime) -> bool:
        if order == self.order and self.under_way in (Order.START, Order.RESTART):
            self._start_failed(now, reason, self._next_start(now, self.failures))
        return order == self.order

    def stopped(self, order: int, now: datetime) -> bool:
        if order == self.order and self.under_way == Order.STOP:
            self._stopped(now)
        return order == self.order

    def cleared(self, now: datetime) -> None:
        if self.under_way == Order.CLEAR:
            self._cleared(now)

    def applied(self, revision: int, needs_restart: bool, now: datetime) -> bool:
        """Returns whether this is the newest revision."""
        if revision == self.revision > self.applied_revision and self.state == State.RUNNING:
            self._applied(now, revision, needs_restart)
        return revision == self.revision

    def observe(self, running: bool, reason: str, now: datetime) -> None:
        """Record whether the machine runs. Does nothing while an order is under way: that order reports the result."""
        if self.under_way or self.deleted:
            return
        if running and self.state == State.STOPPED:  # started outside Tenure, on the configuration of its last start
            revision = self.booted_revision or self.revision
            self._started(now, revision, revision != self.revision)
        elif not running and self.state == State.RUNNING:
            self._died(now, reason, self._next_start(now, 0 if self._ran_steadily(now) else self.failures))

    def undefined(self, now: datetime) -> None:
        if not self.deleted:
            self._undefined(now)

    # -- state: never refuses, never reads a clock ------------------------------

    @event(Created)
    def __init__(self, id: UUID, at: datetime, document: Document) -> None:
        self._id = id
        self.created_at, self.documents = at, [document]
        self.state, self.order = State.STOPPED, 0
        self.under_way: Order | None = None
        self.boot_revision = 1  # for the next start: the newest one when that start was requested
        self.booted_revision = 0  # of the last start
        self.applied_revision = 0  # the newest one that the running machine has
        self.needs_restart, self.deleted = False, False
        self.started_at: datetime | None = None
        self.password_id: UUID | None = None
        self.failures = 0  # in a row
        self.error: str | None = None  # why the machine does not run
        self.again_at: datetime | None = None

    @event(Patched)
    def _patched(self, at: datetime, document: Document, live: bool) -> None:
        self.documents.append(document)

    @event(Applied)
    def _applied(self, at: datetime, revision: int, needs_restart: bool) -> None:
        self.applied_revision, self.needs_restart = revision, needs_restart

    @event(PasswordSet)
    def _password_set(self, at: datetime, password_id: UUID) -> None:
        self.password_id = password_id

    @event(PasswordRemoved)
    def _password_removed(self, at: datetime) -> None:
        self.password_id = None

    @event(StartRequested)
    def _start_requested(self, at: datetime) -> None:
        self._set_order(Order.START)
        self.state, self.error, self.boot_revision = State.STARTING, None, self.revision

    @event(StopRequested)
    def _stop_requested(self, at: datetime) -> None:
        self._set_order(Order.STOP)

    @event(RestartRequested)
    def _restart_requested(self, at: datetime) -> None:
        self._set_order(Order.RESTART)
        self.state, self.boot_revision = State.STARTING, self.revision

    @event(Started)
    def _started(self, at: datetime, revision: int, behind: bool) -> None:
        self.state, self.under_way, self.error, self.again_at = State.RUNNING, None, None, None
        self.booted_revision = self.applied_revision = revision
        self.started_at, self.needs_restart = at, False

    @event(StartFailed)
    def _start_failed(self, at: datetime, reason: str, again_at: datetime | None) -> None:
        self._set_stopped(reason, again_at)
        self.failures += 1

    @event(Stopped)
    def _stopped(self, at: datetime) -> None:
        self._set_stopped(None, None)
        self.failures = 0

    @event(Died)
    def _died(self, at: datetime, reason: str, again_at: datetime | None) -> None:
        self.failures = 1 if self._ran_steadily(at) else self.failures + 1
        self._set_stopped(reason, again_at)

    @event(Undefined)
    def _undefined(self, at: datetime) -> None: ...

    @event(Deleted)
    def _deleted(self, at: datetime) -> None:
        self._set_order(Order.CLEAR)
        self.deleted = True

    @event(Cleared)
    def _cleared(self, at: datetime) -> None:
        self._set_stopped(None, None)

    # -- helpers -----------------------------------------------------------------

    @property
    def document(self) -> Document:
        return self.documents[-1]

    @property
    def revision(self) -> int:
        """The newest revision of the configuration; the first is 1."""
        return len(self.documents)

    def at_revision(self, revision: int) -> Document:
        """The configuration at a revision. Raises `NotFound`."""
        if not 1 <= revision <= self.revision:
            raise NotFound(f"there is no revision {revision}; the newest is {self.revision}")
        return self.documents[revision - 1]

    def _require_present(self) -> None:
        if self.deleted:
            raise NotFound("no such virtual machine")

    def _set_order(self, order: Order) -> None:
        self.under_way, self.again_at = order, None
        self.order += 1

    def _set_stopped(self, error: str | None, again_at: datetime | None) -> None:
        self.state, self.under_way, self.error, self.again_at = State.STOPPED, None, error, again_at

    def _ran_steadily(self, until: datetime) -> bool:
        return self.started_at is not None and until - self.started_at >= STEADY_AFTER

    def _next_start(self, now: datetime, failures: int) -> datetime | None:
        return now + backoff_after(failures) if self.document["autostart"] else None


def same_machine(one: Document, other: Document) -> bool:
    """Whether two configurations are the same for the hypervisor."""
    return all(one.get(name) == other.get(name) for name in (one.keys() | other.keys()) - NON_MACHINE_FIELDS)
