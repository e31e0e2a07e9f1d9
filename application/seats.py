"""Seats: joining a workshop by its code, and coming back by a personal reconnect code."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID
from weakref import WeakValueDictionary

from application.access import Cause
from application.guesses import count_wrong_guess, guess_at
from application.platform import Platform
from application.ports.clock import Clock, Ids
from application.ports.limits import AttemptLimiter
from application.ports.workshops import Admission, Labels, Learner, Learners, SeatTokens
from domain.aggregate import Aggregate
from domain.errors import NotFound
from domain.name import validate_name
from domain.seat import NoSuchSession
from domain.unique_name import Code
from domain.workshop import Workshop

MAX_ATTEMPTS = 100  # at one seat; many learners may join at once, through many servers
CLASS_FACTOR = 10  # of the wrong reconnect codes that an address may try in a minute


@dataclass(frozen=True)
class TakenSeat:
    """A seat that a learner has, and the token for it."""

    workshop: Workshop
    seat: int
    odehash: str
    token: str


@dataclass(frozen=True)
class Seats:
    """Commands of learners."""

    platform: Platform
    clock: Clock
    ids: Ids
    labels: Labels
    learners: Learners
    tokens: SeatTokens
    attempt_limiter: AttemptLimiter
    _locks: WeakValueDictionary[UUID, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def join(
        self, *, code: str, odehash: str | None, name: str | None, address: str, request_id: str
    ) -> TakenSeat:
        """A seat in the workshop with this code: a free one, or the former one for a reconnect code (`odehash`).

        Raises, in this order, `NotFound`, `NotRunning`, `NoSuchSession`, `NoSeats`; `TooMany` after wrong guesses.
        """
        workshop_id = await self.find(code, address)
        cause = Cause(request_id=request_id)
        # One learner at a time saves retries. Learners on other servers are met as concurrent updates.
        async with self._locks.setdefault(workshop_id, asyncio.Lock()):
            if odehash is None:
                return await self.sit_down(workshop_id, name or "", cause)
            # Five letters: so few that they are taken from a budget, which a class behind one address shares.
            source = f"reconnect {workshop_id} {address}"
            async with guess_at(self.attempt_limiter, source, factor=CLASS_FACTOR) as guess:
                try:
                    return await self._come_back(workshop_id, odehash.lower(), cause)
                except NoSuchSession:
                    guess.wrong()
                    await count_wrong_guess(self.attempt_limiter, f"join {address}")
                    raise

    async def find(self, code: str, address: str) -> UUID:
        """The workshop with this code. Raises `NotFound`; `TooMany` after too many wrong ones from `address`."""
        try:
            workshop_id = (await self.platform.load(Code, Code.id_of(code))).subject_id
        except NotFound:
            workshop_id = None
        if workshop_id is None:
            await count_wrong_guess(self.attempt_limiter, f"join {address}")
            raise NotFound("no workshop has this code")
        return workshop_id

    async def sit_down(self, workshop_id: UUID, name: str, cause: Cause, learner_id: UUID | None = None) -> TakenSeat:
        """The first free seat, for a new learner."""
        learner_id, name = learner_id or self.ids(), validate_name(name) if name else ""
        seats: list[int] = []
        learners: list[Learner] = []

        async def join(workshop: Workshop) -> list[Aggregate]:
            seats.append(workshop.join(learner_id, self.clock()))
            while not learners:  # before the event: everybody with a seat must be able to come back
                learner = Learner(learner_id, workshop_id, name, self.labels.new_odehash())
                if await self.learners.add(learner):
                    learners.append(learner)
            return []

        try:
            workshop = await self.platform.change_with(cause, Workshop, workshop_id, join, MAX_ATTEMPTS)
        except Exception:
            await self.learners.forget([learner_id])
            raise
        return await self._seat_with_token(workshop, seats[-1], learner_id, learners[0].odehash)

    async def have(self, workshop_id: UUID, learner_id: UUID, name: str, cause: Cause) -> TakenSeat:
        """The learner's seat: the present one, or else the first free one."""
        async with self._locks.setdefault(workshop_id, asyncio.Lock()):
            workshop = await self.platform.load(Workshop, workshop_id)
            seat = next((n for n, place in workshop.seats.items() if place.learner_id == learner_id), None)
            if seat is None:
                return await self.sit_down(workshop_id, name, cause, learner_id)
            rows = await self.learners.describe([learner_id])
            return await self._seat_with_token(workshop, seat, learner_id, rows[learner_id].odehash)

    async def _come_back(self, workshop_id: UUID, odehash: str, cause: Cause) -> TakenSeat:
        learner_id = await self.learners.find(workshop_id, odehash)
        seats: list[int] = []
        workshop = await self.platform.change(
            cause, Workshop, workshop_id, lambda workshop: seats.append(workshop.rejoin(learner_id, self.clock()))
        )
        assert learner_id is not None, "rejoin() refuses None"
        return await self._seat_with_token(workshop, seats[-1], learner_id, odehash)

    async def _seat_with_token(self, workshop: Workshop, seat: int, learner_id: UUID, odehash: str) -> TakenSeat:
        admission = Admission(workshop.number, seat, learner_id, odehash)
        return TakenSeat(workshop, seat, odehash, await self.tokens.issue(admission, self.clock()))
