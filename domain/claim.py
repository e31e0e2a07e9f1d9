"""Exclusive control over something that many can see, until it is given back or runs out.

Its id follows from what it is about, so there is one for each by construction, and of many who claim at once one wins.
"""

from __future__ import annotations

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

    # -- what can happen -----------------------------------------------------

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

    class HandoverRequested(Event):
        """A user asked its holder to hand it over. The holder keeps it meanwhile."""

        user_id: UUID
        holder_id: UUID
        expires_at: datetime

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
    def held_after(event: Any, now: datetime) -> tuple[UUID, datetime] | None:
        """By whom, and until when, if this is the last that happened: each event tells all of it."""
        holder_id, expires_at = getattr(event, "holder_id", None), getattr(event, "expires_at", None)
        return (holder_id, expires_at) if holder_id and expires_at and expires_at > now else None

    # -- what may be asked ---------------------------------------------------

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
        self._held(holder_id, expires_at)

    @classmethod
    def first(
        cls, session_id: UUID, holder_id: UUID, lasts: timedelta, now: datetime, owner_id: UUID | None = None
    ) -> Claim:
        """Of what nobody has ever claimed."""
        return cls(
            id=cls.id_of(session_id),
            at=now,
            session_id=session_id,
            holder_id=holder_id,
            expires_at=now + lasts,
            owner_id=owner_id,
        )

    def holder(self, now: datetime) -> UUID | None:
        """Who has it; also before its end has been noticed, nobody has what is over."""
        return self.holder_id if self.holder_id and self.expires_at > now else None

    def take(self, user_id: UUID, lasts: timedelta, now: datetime, *, may_take_over: bool) -> None:
        """Claim it, or claim it for longer. Raises `Claimed`."""
        held_by = self.holder(now)
        if held_by == user_id:
            self._renewed(now, user_id, now + lasts)
        elif held_by is None or may_take_over:
            self._taken_again(now, user_id, now + lasts, held_by)
        else:
            raise Claimed(held_by, self.expires_at)

    def used(self, user_id: UUID, lasts: timedelta, now: datetime) -> None:
        """The holder is at work: it lasts on. Written down when half of it is over, not at every key."""
        if self.holder(now) == user_id and self.expires_at - now < lasts / 2:
            self._renewed(now, user_id, now + lasts)

    def release(self, user_id: UUID, now: datetime, *, may_take_over: bool) -> None:
        held_by = self.holder(now)
        if held_by is None:
            raise NotFound("nobody has claimed this session")
        if held_by != user_id and not may_take_over:
            raise NotAllowed("Only who has claimed it, or an admin, can release it")
        self._released(now)

    def ask_for(self, user_id: UUID, now: datetime) -> None:
        """Ask its holder to hand it over."""
        held_by = self.holder(now)
        if held_by is None:
            raise NotFound("nobody has claimed this session; claim it")
        if held_by != user_id and user_id not in self.asking:
            self._handover_requested(now, user_id, held_by, self.expires_at)

    def hand_over(self, by: UUID, to: UUID, lasts: timedelta, now: datetime) -> None:
        """Its holder gives it to somebody who has asked."""
        if self.holder(now) != by:
            raise NotAllowed("Only who has claimed it can hand it over")
        if to not in self.asking:
            raise NotFound("they have not asked for it")
        self._handed_over(now, to, now + lasts)

    def expire(self, now: datetime) -> None:
        if self.holder_id and self.expires_at <= now:
            self._expired(now)

    # -- what it then is -----------------------------------------------------

    @event(TakenAgain)
    def _taken_again(self, at: datetime, holder_id: UUID, expires_at: datetime, from_id: UUID | None) -> None:
        self._held(holder_id, expires_at)

    @event(Renewed)
    def _renewed(self, at: datetime, holder_id: UUID, expires_at: datetime) -> None:
        self.expires_at = expires_at

    @event(HandoverRequested)
    def _handover_requested(self, at: datetime, user_id: UUID, holder_id: UUID, expires_at: datetime) -> None:
        self.asking.append(user_id)

    @event(HandedOver)
    def _handed_over(self, at: datetime, holder_id: UUID, expires_at: datetime) -> None:
        self._held(holder_id, expires_at)

    @event(Released)
    def _released(self, at: datetime) -> None:
        self._held(None, at)

    @event(Expired)
    def _expired(self, at: datetime) -> None:
        self._held(None, at)

    def _held(self, holder_id: UUID | None, expires_at: datetime) -> None:
        self.holder_id, self.expires_at = holder_id, expires_at
        self.asking: list[UUID] = []
