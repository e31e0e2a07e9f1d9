"""A guest: one user in somebody else's hosted session, from the request to join to the removal.

Every request has a `joiner_id` of its own, and every decision is about one request. Public key, user name and address
of the request are rows outside the log.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Conflict, NotFound


class GuestStatus(StrEnum):
    WAITING = "waiting"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"  # the user hung up
    TIMED_OUT = "timed_out"
    APPROVED = "approved"  # the key is being installed
    INSTALLED = "installed"  # the guest can log in
    REVOKED = "revoked"  # the account is being removed
    REMOVED = "removed"  # nothing of the guest is on the machine
    CLOSED = "closed"  # the session has ended


ADMITTED = (GuestStatus.APPROVED, GuestStatus.INSTALLED)
FINISHED = (GuestStatus.REJECTED, GuestStatus.WITHDRAWN, GuestStatus.TIMED_OUT, GuestStatus.REMOVED, GuestStatus.CLOSED)


class AlreadyIn(Conflict):
    """The user is in the session, or is being let in."""

    code = "user_already_in_session"


class NotWaiting(NotFound):
    """No request to join waits under this id."""

    code = "not_waiting"

    def __init__(self) -> None:
        super().__init__("nobody waits to join under this joiner_uuid")


class Decided(Conflict):
    """The request was approved or rejected before."""

    code = "already_decided"


class Guest(aggregate.Aggregate):
    """A user's place in somebody else's hosted session: asked for, decided, installed on the machine, removed."""

    # -- events ---------------------------------------------------------------

    class Event(aggregate.Aggregate.Event):
        joiner_id: UUID  # this request, of possibly several by one user

    class Asked(aggregate.Aggregate.Created):
        """A user asked to join for the first time."""

        session_id: UUID
        owner_id: UUID  # the session's owner, who decides
        user_id: UUID  # the user who asks to join
        hosted_in: str  # the region of its machine
        joiner_id: UUID
        until: datetime  # when the request ends by itself

    class AskedAgain(Event):
        """A user asked to join again. An earlier request that still waited ends."""

        until: datetime

    class Withdrawn(Event):
        """The user took the request back, or hung up."""

    class TimedOut(Event):
        """Nobody decided the request in time."""

    class Rejected(Event):
        """The session's owner refused the request."""

    class Approved(Event):
        """The session's owner granted the request. The guest's key is installed next."""

        admission_id: UUID  # the row with the account's name on the machine
        hosted_in: str

    class Installed(Event):
        """The guest's account is on the machine, and their key opens it."""

    class NotInstalled(Event):
        """The account could not be made. The request waits again, and may be approved in another way."""

        reason: str
        until: datetime

    class Revoked(Event):
        """The approval was taken back. The guest's account is removed next."""

        hosted_in: str

    class Removed(Event):
        """The guest's key, processes and account are gone."""

    class Closed(Event):
        """The session has ended, and its machine with it."""

    @staticmethod
    def id_of(session_id: UUID, user_id: UUID) -> UUID:
        return uuid5(session_id, f"guest:{user_id}")

    STATE_NAMES = MappingProxyType({"status": "standing"})

    # -- commands --------------------------------------------------------------

    @event(Asked)
    def __init__(
        self,
        id: UUID,
        at: datetime,
        session_id: UUID,
        owner_id: UUID,
        user_id: UUID,
        hosted_in: str,
        joiner_id: UUID,
        until: datetime,
    ) -> None:
        self._id = id
        self.session_id, self.owner_id, self.user_id = session_id, owner_id, user_id
        self.hosted_in = hosted_in
        self.admission_id: UUID | None = None
        self._set_waiting(joiner_id, until)

    def require_may_ask(self) -> None:
        """Return if the user can ask to join. Raises `AlreadyIn`, and `Conflict` during a removal."""
        if self.status in ADMITTED:
            raise AlreadyIn("you are in this session already")
        if self.status == GuestStatus.REVOKED:
            raise Conflict("you are being removed from this session; ask again when that is done")

    def ask_again(self, joiner_id: UUID, until: datetime, now: datetime) -> None:
        self.require_may_ask()
        self._asked_again(now, joiner_id, until)

    def require_undecided(self, joiner_id: UUID, now: datetime) -> None:
        """Return if the request waits for a decision. Raises `NotWaiting`, `Decided`."""
        has_ended = self.status in (GuestStatus.WITHDRAWN, GuestStatus.TIMED_OUT, GuestStatus.CLOSED)
        if joiner_id != self.joiner_id or has_ended or (self.status == GuestStatus.WAITING and self.until <= now):
            raise NotWaiting
        if self.status != GuestStatus.WAITING:
            raise Decided(f"this request has been {self.status} already")

    def approve(self, joiner_id: UUID, admission_id: UUID, now: datetime) -> None:
        self.require_undecided(joiner_id, now)
        self._approved(now, joiner_id, admission_id, self.hosted_in)

    def reject(self, joiner_id: UUID, now: datetime) -> None:
        self.require_undecided(joiner_id, now)
        self._rejected(now, joiner_id)

    def revoke(self, joiner_id: UUID, now: datetime) -> None:
        """Take an approval back. Does nothing if it was taken back already. Raises `NotFound`, `Conflict`."""
        if joiner_id != self.joiner_id or (self.status in FINISHED and self.status != GuestStatus.REMOVED):
            raise NotFound("no such guest")
        if self.status == GuestStatus.WAITING:
            raise Conflict("this guest still waits; reject the request")
        if self.status in ADMITTED:
            self._revoked(now, joiner_id, self.hosted_in)

    # -- reports and due times: never refused, and without effect the second time ---

    def withdraw(self, joiner_id: UUID, now: datetime) -> None:
        if joiner_id == self.joiner_id and self.status == GuestStatus.WAITING:
            self._withdrawn(now, joiner_id)

    def time_out(self, now: datetime) -> None:
        if self.status == GuestStatus.WAITING and self.until <= now:
            self._timed_out(now, self.joiner_id)

    def installed(self, joiner_id: UUID, now: datetime) -> None:
        if joiner_id == self.joiner_id and self.status == GuestStatus.APPROVED:
            self._installed(now, joiner_id)

    def not_installed(self, joiner_id: UUID, reason: str, now: datetime) -> None:
        if joiner_id == self.joiner_id and self.status == GuestStatus.APPROVED:
            self._not_installed(now, joiner_id, reason, max(self.until, now))

    def removed(self, joiner_id: UUID, now: datetime) -> None:
        if joiner_id == self.joiner_id and self.status == GuestStatus.REVOKED:
            self._removed(now, joiner_id)

    def close(self, now: datetime) -> None:
        if self.status not in FINISHED:
            self._closed(now, self.joiner_id)

    # -- state ------------------------------------------------------------------

    @event(AskedAgain)
    def _asked_again(self, at: datetime, joiner_id: UUID, until: datetime) -> None:
        self._set_waiting(joiner_id, until)

    @event(Withdrawn)
    def _withdrawn(self, at: datetime, joiner_id: UUID) -> None:
        self.status = GuestStatus.WITHDRAWN

    @event(TimedOut)
    def _timed_out(self, at: datetime, joiner_id: UUID) -> None:
        self.status = GuestStatus.TIMED_OUT

    @event(Rejected)
    def _rejected(self, at: datetime, joiner_id: UUID) -> None:
        self.status = GuestStatus.REJECTED

    @event(Approved)
    def _approved(self, at: datetime, joiner_id: UUID, admission_id: UUID, hosted_in: str) -> None:
        self.status, self.admission_id = GuestStatus.APPROVED, admission_id

    @event(Installed)
    def _installed(self, at: datetime, joiner_id: UUID) -> None:
        self.status = GuestStatus.INSTALLED

    @event(NotInstalled)
    def _not_installed(self, at: datetime, joiner_id: UUID, reason: str, until: datetime) -> None:
        self.status = GuestStatus.WAITING

    @event(Revoked)
    def _revoked(self, at: datetime, joiner_id: UUID, hosted_in: str) -> None:
        self.status = GuestStatus.REVOKED

    @event(Removed)
    def _removed(self, at: datetime, joiner_id: UUID) -> None:
        self.status = GuestStatus.REMOVED

    @event(Closed)
    def _closed(self, at: datetime, joiner_id: UUID) -> None:
        self.status = GuestStatus.CLOSED

    def _set_waiting(self, joiner_id: UUID, until: datetime) -> None:
        self.status, self.joiner_id, self.until = GuestStatus.WAITING, joiner_id, until
