"""Claims: exclusive control over something that many can see, until it is released or its time is over.

A claim's id follows from its subject, so there is one for each subject, and of many concurrent claims one succeeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Conflict, NotAllowed, NotFound


class Claimed(Conflict):
    """Another user holds the claim."""

    code = "already_claimed"

    def __init__(self, holder_id: UUID, expires_at: datetime) -> None:
        super().__init__("Session is claimed by another user")
        self.holder_id, self.expires_at = holder_id, expires_at


class Claim(aggregate.Aggregate):
    """A claim on a session: while it lasts, only its holder may type. Its id follows from the session's."""

    # -- events ---------------------------------------------------------------

    class Event(aggregate.Aggregate.Event):
        pass

    class Taken(aggregate.Aggregate.Created):
        """The session was claimed for the first time."""

        session_id: UUID
        holder_id: UUID
        expires_at: datetime
        owner_id: UUID | None  # whose workspace the session is in; None: every member's

    class TakenAgain(Event):
        """The session was claimed when it was free, or taken over from its holder."""

        holder_id: UUID
        expires_at: datetime
        from_id: UUID | None  # the holder it was taken from; None: it was free

    class Renewed(Event):
        """Its holder is at work, so it lasts longer."""

        holder_id: UUID  # repeated, so that the last event alone says whose the claim is
        expires_at: datetime
        asking: list[UUID] | None  # who had asked for it by then; None: 0.1 stored the event, which does not say

        class_version = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["asking"] = None

    class HandoverRequested(Event):
        """A user asked its holder to hand it over. The holder keeps it meanwhile."""

        user_id: UUID
        holder_id: UUID
        expires_at: datetime
        asking: (
            list[UUID] | None
        )  # who had asked for it by then, this user included; None: 0.1 stored the event, which does not say

        class_version = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["asking"] = None

    class HandedOver(Event):
        """Its holder gave it to a user who had asked."""

        holder_id: UUID
        expires_at: datetime

    class Released(Event):
        """It was given back: the session is free."""

    class Expired(Event):
        """Its time is over: the session is free."""

    @staticmethod
    def id_of(session_id: UUID) -> UUID:
        return uuid5(session_id, "claim")

    @staticmethod
    def holder_after(event: Any, now: datetime) -> tuple[UUID, datetime] | None:
        """The holder and the end of the claim after its newest event; None: nobody holds it. Every event has both."""
        holder_id, expires_at = getattr(event, "holder_id", None), getattr(event, "expires_at", None)
        return (holder_id, expires_at) if holder_id and expires_at and expires_at > now else None

    @classmethod
    def resume(cls, first: Any, last: Any) -> Claim | None:
        """The claim from its first and its newest event; None if those are not enough.

        A claim in use is renewed for as long as its session lives: without this, each renewal would read them all.
        """
        if isinstance(last, Claim.Renewed | Claim.HandoverRequested) and last.asking is None:
            return None
        claim: Claim = first.mutate(None)
        if last.originator_version > claim.version:
            claim.version = last.originator_version - 1
            last.mutate(claim)
        return claim

    # -- commands --------------------------------------------------------------

    @event(Taken)
    def __init__(
        self,
        id: UUID,
        at: datetime,
        session_id: UUID,
        holder_id: UUID,
        expires_at: datetime,
        owner_id: UUID | None,
    ) -> None:
        self._id = id
        self.session_id, self.owner_id = session_id, owner_id
        self._set_holder(holder_id, expires_at)

    @classmethod
    def begin(
        cls, session_id: UUID, holder_id: UUID, lasts: timedelta, now: datetime, owner_id: UUID | None = None
    ) -> Claim:
        """The claim on a session that nobody has ever claimed."""
        return cls(
            id=cls.id_of(session_id),
            at=now,
            session_id=session_id,
            holder_id=holder_id,
            expires_at=now + lasts,
            owner_id=owner_id,
        )

    def holder(self, now: datetime) -> UUID | None:
        """The user who holds the claim; None once its time is over, even before `expire` was called."""
        return self.holder_id if self.holder_id and self.expires_at > now else None

    def take(self, user_id: UUID, lasts: timedelta, now: datetime, *, may_take_over: bool) -> None:
        """Claim the session, or renew the claim. Raises `Claimed`."""
        held_by = self.holder(now)
        if held_by == user_id:
            self._renewed(now, user_id, now + lasts, self.asking)
        elif held_by is None or may_take_over:
            self._taken_again(now, user_id, now + lasts, held_by)
        else:
            raise Claimed(held_by, self.expires_at)

    def renew(self, user_id: UUID, lasts: timedelta, now: datetime) -> None:
        """Renew the claim of a holder at work. Does nothing before half of it is over, so not every key is an event."""
        if self.holder(now) == user_id and self.expires_at - now < lasts / 2:
            self._renewed(now, user_id, now + lasts, self.asking)

    def release(self, user_id: UUID, now: datetime, *, may_take_over: bool) -> None:
        held_by = self.holder(now)
        if held_by is None:
            raise NotFound("nobody has claimed this session")
        if held_by != user_id and not may_take_over:
            raise NotAllowed("Only the user who claimed it, or an admin, can release it")
        self._released(now)

    def request_handover(self, user_id: UUID, now: datetime) -> None:
        """Ask the holder to hand the claim over. Raises `NotFound` if nobody holds it."""
        held_by = self.holder(now)
        if held_by is None:
            raise NotFound("nobody has claimed this session; claim it")
        if held_by != user_id and user_id not in self.asking:
            self._handover_requested(now, user_id, held_by, self.expires_at, [*self.asking, user_id])

    def hand_over(self, by: UUID, to: UUID, lasts: timedelta, now: datetime) -> None:
        """Give the claim to a user who asked for it. Raises `NotAllowed`, `NotFound`."""
        if self.holder(now) != by:
            raise NotAllowed("Only the user who claimed it can hand it over")
        if to not in self.asking:
            raise NotFound("that user has not requested the claim")
        self._handed_over(now, to, now + lasts)

    def expire(self, now: datetime) -> None:
        if self.holder_id and self.expires_at <= now:
            self._expired(now)

    # -- state ------------------------------------------------------------------

    @event(TakenAgain)
    def _taken_again(self, at: datetime, holder_id: UUID, expires_at: datetime, from_id: UUID | None) -> None:
        self._set_holder(holder_id, expires_at)

    @event(Renewed)
    def _renewed(self, at: datetime, holder_id: UUID, expires_at: datetime, asking: list[UUID] | None) -> None:
        self._set_holder(holder_id, expires_at, self.asking if asking is None else asking)

    @event(HandoverRequested)
    def _handover_requested(
        self, at: datetime, user_id: UUID, holder_id: UUID, expires_at: datetime, asking: list[UUID] | None
    ) -> None:
        self._set_holder(holder_id, expires_at, [*self.asking, user_id] if asking is None else asking)

    @event(HandedOver)
    def _handed_over(self, at: datetime, holder_id: UUID, expires_at: datetime) -> None:
        self._set_holder(holder_id, expires_at)

    @event(Released)
    def _released(self, at: datetime) -> None:
        self._set_holder(None, at)

    @event(Expired)
    def _expired(self, at: datetime) -> None:
        self._set_holder(None, at)

    def _set_holder(self, holder_id: UUID | None, expires_at: datetime, asking: Sequence[UUID] = ()) -> None:
        self.holder_id, self.expires_at = holder_id, expires_at
        self.asking = list(asking)
