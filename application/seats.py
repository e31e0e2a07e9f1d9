"""Joining a workshop: by its code, and once more by one's own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID
from weakref import WeakValueDictionary

from application.access import Cause
from application.platform import Platform
from application.ports.clock import Clock, Ids
from application.ports.limits import AttemptLimiter
from application.ports.workshops import Admission, Labels, Learner, Learners, SeatTokens
from domain.aggregate import Aggregate
from domain.errors import NotFound
from domain.name import checked
from domain.seat import NoSuchSession
from domain.unique_name import Code
from domain.workshop import Workshop

ROUNDS = 100  # as many may come at once, to as many servers


@dataclass(frozen=True)
class Taken:
    """A seat that somebody has."""

    workshop: Workshop
    seat: int
    odehash: str
    token: str


@dataclass(frozen=True)
class Seats:
    platform: Platform
    clock: Clock
    ids: Ids
    labels: Labels
    learners: Learners
    tokens: SeatTokens
    attempt_limiter: AttemptLimiter
    _turns: WeakValueDictionary[UUID, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def join(self, *, code: str, odehash: str | None, name: str | None, guesser: str, request_id: str) -> Taken:
        """A seat of the workshop with this code; with a reconnect code the seat that one had, and no other.

        Raises, in this order, `NotFound`, `NotRunning`, `NoSuchSession`, `NoSeats`; `TooMany` for who guesses.
        """
        workshop_id = await self.find(code, guesser)
        cause = Cause(request_id=request_id)
        # One after another: each has to see who came before. Other servers are met as races.
        async with self._turns.setdefault(workshop_id, asyncio.Lock()):
            if odehash is None:
                return await self.sit_down(workshop_id, name or "", cause)
            try:
                return await self._come_back(workshop_id, odehash.lower(), cause)
            except NoSuchSession:
                await self.attempt_limiter.record_failure(guesser)
                raise

    async def find(self, code: str, guesser: str) -> UUID:
        """The workshop with this code. Raises `NotFound`, and `TooMany` for who guesses."""
        await self.attempt_limiter.check(guesser)
        try:
            found = (await self.platform.load(Code, Code.id_of(code))).subject_id
        except NotFound:
            found = None
        if found is None:
            await self.attempt_limiter.record_failure(guesser)
            raise NotFound("no workshop has this code")
        return found

    async def sit_down(self, workshop_id: UUID, name: str, cause: Cause, learner_id: UUID | None = None) -> Taken:
        """The first seat that is free, for somebody new."""
        learner_id, name = learner_id or self.ids(), checked(name) if name else ""
        seats: list[int] = []
        kept: list[Learner] = []

        async def join(workshop: Workshop) -> list[Aggregate]:
            seats.append(workshop.join(learner_id, self.clock()))
            while not kept:  # before they are told of: whoever has a seat can come back to it
                learner = Learner(learner_id, workshop_id, name, self.labels.odehash())
                if await self.learners.keep(learner):
                    kept.append(learner)
            return []

        try:
            workshop = await self.platform.change_with(cause, Workshop, workshop_id, join, ROUNDS)
        except Exception:
            await self.learners.forget([learner_id])
            raise
        return await self._taken(workshop, seats[-1], learner_id, kept[0].odehash)

    async def have(self, workshop_id: UUID, learner_id: UUID, name: str, cause: Cause) -> Taken:
        """Their seat: the one that they have already, or else the first one that is free."""
        async with self._turns.setdefault(workshop_id, asyncio.Lock()):
            workshop = await self.platform.load(Workshop, workshop_id)
            seat = next((n for n, it in workshop.seats.items() if it.learner_id == learner_id), None)
            if seat is None:
                return await self.sit_down(workshop_id, name, cause, learner_id)
            known = await self.learners.described([learner_id])
            return await self._taken(workshop, seat, learner_id, known[learner_id].odehash)

    async def _come_back(self, workshop_id: UUID, odehash: str, cause: Cause) -> Taken:
        learner_id = await self.learners.find(workshop_id, odehash)
        seats: list[int] = []
        workshop = await self.platform.change(
            cause, Workshop, workshop_id, lambda it: seats.append(it.rejoin(learner_id, self.clock()))
        )
        assert learner_id is not None, "somebody came back"
        return await self._taken(workshop, seats[-1], learner_id, odehash)

    async def _taken(self, workshop: Workshop, seat: int, learner_id: UUID, odehash: str) -> Taken:
        admission = Admission(workshop.number, seat, learner_id, odehash)
        return Taken(workshop, seat, odehash, await self.tokens.issue(admission, self.clock()))
