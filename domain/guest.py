"""How one account stands with one session of somebody else's: from asking to join, to being in, to being out again.

Each time that they ask is a `joiner_id` of its own, and everything that is decided is about one of these. What they
asked with (a public key, a user name, an address) is never here.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Conflict, NotFound


class GuestStatus(StrEnum):
    WAITING = "waiting"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"  # they hung up
    TIMED_OUT = "timed_out"
    APPROVED = "approved"  # and about to be let in
    INSTALLED = "installed"  # they can log in
    REVOKED = "revoked"  # and about to be put out
    REMOVED = "removed"  # nothing of theirs is on the machine
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

    # -- what can happen -----------------------------------------------------

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

    # -- what may be asked ---------------------------------------------------

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
        self._waits(joiner_id, until)

    def may_ask(self) -> None:
        """Return if they can ask (again). Raises `AlreadyIn`, and `Conflict` while they are put out."""
        if self.standing in ADMITTED:
            raise AlreadyIn("you are in this session already")
        if self.standing == GuestStatus.REVOKED:
            raise Conflict("you are being removed from this session; ask again when that is done")

    def ask_again(self, joiner_id: UUID, until: datetime, now: datetime) -> None:
        self.may_ask()
        self._asked_again(now, joiner_id, until)

    def undecided(self, joiner_id: UUID, now: datetime) -> None:
        """Return if that request waits to be decided. Raises `NotWaiting`, `Decided`."""
        over = self.standing in (GuestStatus.WITHDRAWN, GuestStatus.TIMED_OUT, GuestStatus.CLOSED)
        if joiner_id != self.joiner_id or over or (self.standing == GuestStatus.WAITING and self.until <= now):
            raise NotWaiting
        if self.standing != GuestStatus.WAITING:
            raise Decided(f"this request has been {self.standing} already")

    def approve(self, joiner_id: UUID, admission_id: UUID, now: datetime) -> None:
        self.undecided(joiner_id, now)
        self._approved(now, joiner_id, admission_id, self.hosted_in)

    def reject(self, joiner_id: UUID, now: datetime) -> None:
        self.undecided(joiner_id, now)
        self._rejected(now, joiner_id)

    def revoke(self, joiner_id: UUID, now: datetime) -> None:
        """Take back an approval. What is taken back already is not taken back again."""
        if joiner_id != self.joiner_id or (self.standing in FINISHED and self.standing != GuestStatus.REMOVED):
            raise NotFound("no such guest")
        if self.standing == GuestStatus.WAITING:
            raise Conflict("this guest still waits; reject the request")
        if self.standing in ADMITTED:
            self._revoked(now, joiner_id, self.hosted_in)

    # -- what is due, or what the world reports: never refused, and nothing new the second time ---------

    def withdraw(self, joiner_id: UUID, now: datetime) -> None:
        if joiner_id == self.joiner_id and self.standing == GuestStatus.WAITING:
            self._withdrawn(now, joiner_id)

    def time_out(self, now: datetime) -> None:
        if self.standing == GuestStatus.WAITING and self.until <= now:
            self._timed_out(now, self.joiner_id)

    def installed(self, joiner_id: UUID, now: datetime) -> None:
        if joiner_id == self.joiner_id and self.standing == GuestStatus.APPROVED:
            self._installed(now, joiner_id)

    def not_installed(self, joiner_id: UUID, reason: str, now: datetime) -> None:
        if joiner_id == self.joiner_id and self.standing == GuestStatus.APPROVED:
            self._not_installed(now, joiner_id, reason, max(self.until, now))

    def removed(self, joiner_id: UUID, now: datetime) -> None:
        if joiner_id == self.joiner_id and self.standing == GuestStatus.REVOKED:
            self._removed(now, joiner_id)

    def close(self, now: datetime) -> None:
        if self.standing not in FINISHED:
            self._closed(now, self.joiner_id)

    # -- what it then is -----------------------------------------------------

    @event(AskedAgain)
    def _asked_again(self, at: datetime, joiner_id: UUID, until: datetime) -> None:
        self._waits(joiner_id, until)

    @event(Withdrawn)
    def _withdrawn(self, at: datetime, joiner_id: UUID) -> None:
        self.standing = GuestStatus.WITHDRAWN

    @event(TimedOut)
    def _timed_out(self, at: datetime, joiner_id: UUID) -> None:
        self.standing = GuestStatus.TIMED_OUT

    @event(Rejected)
    def _rejected(self, at: datetime, joiner_id: UUID) -> None:
        self.standing = GuestStatus.REJECTED

    @event(Approved)
    def _approved(self, at: datetime, joiner_id: UUID, admission_id: UUID, hosted_in: str) -> None:
        self.standing, self.admission_id = GuestStatus.APPROVED, admission_id

    @event(Installed)
    def _installed(self, at: datetime, joiner_id: UUID) -> None:
        self.standing = GuestStatus.INSTALLED

    @event(NotInstalled)
    def _not_installed(self, at: datetime, joiner_id: UUID, reason: str, until: datetime) -> None:
        self.standing = GuestStatus.WAITING

    @event(Revoked)
    def _revoked(self, at: datetime, joiner_id: UUID, hosted_in: str) -> None:
        self.standing = GuestStatus.REVOKED

    @event(Removed)
    def _removed(self, at: datetime, joiner_id: UUID) -> None:
        self.standing = GuestStatus.REMOVED

    @event(Closed)
    def _closed(self, at: datetime, joiner_id: UUID) -> None:
        self.standing = GuestStatus.CLOSED

    def _waits(self, joiner_id: UUID, until: datetime) -> None:
        self.standing, self.joiner_id, self.until = GuestStatus.WAITING, joiner_id, until
