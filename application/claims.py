"""Claims: who alone may type into a session, and until when.

Whether somebody may is asked of the log itself at that moment, never of a read model: two servers then never take
keys from two people. Every event of a claim tells who has it and until when, so the newest one is all there is to read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from application.access import Actor, Cause, allowed, require
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.sessions import require_claim
from domain.claim import Claim, Claimed
from domain.errors import NotFound
from domain.role import Role

ROUNDS = 20  # of tries, where many claim the same at once


@dataclass(frozen=True)
class Claims:
    platform: Platform
    clock: Clock
    lasts: timedelta

    async def take(self, actor: Actor, session_id: UUID, owner_id: UUID | None) -> Claim:
        """Claim it, for so long from now. Raises `Claimed` if somebody else has it, whom the actor may not succeed.

        `owner_id` is whose the session is, None: everybody's.
        """
        require_claim(actor, owner_id)
        id = Claim.id_of(session_id)
        may = allowed(actor, "session.take_over")
        unable: set[UUID | None] = set()

        def take(claim: Claim) -> None:
            claim.take(actor.user_id, self.lasts, self.clock(), may_take_over=may or claim.holder_id in unable)

        if await self.platform.last_event(id) is None:
            first = Claim.first(session_id, actor.user_id, self.lasts, self.clock(), owner_id)
            try:
                await self.platform.commit(actor.cause, first)
                return first
            except ConcurrentUpdate:
                pass  # somebody was faster, and has it
        for _ in range(ROUNDS):
            try:
                return await self.platform.change(actor.cause, Claim, id, take)
            except Claimed as taken:
                if await self._able(taken.holder_id):
                    raise
                unable.add(taken.holder_id)
            except ConcurrentUpdate:
                continue  # many are at it, and each round one of them is done
        return await self.platform.change(actor.cause, Claim, id, take)

    async def _able(self, user_id: UUID) -> bool:
        """Whether they may still have claims: what somebody has who was sent away, others may take."""
        role = getattr(await self.platform.last_event(user_id), "role", None)
        return role is not None and Role(role).at_least(Role.OPERATOR)

    async def release(self, actor: Actor, session_id: UUID) -> Claim:
        """`NotFound` if nobody has it; `NotAllowed` if somebody else has."""
        require(actor, "session.give_up")
        may = allowed(actor, "session.take_over")

        def release(claim: Claim) -> None:
            claim.release(actor.user_id, self.clock(), may_take_over=may)

        return await self._change(actor, session_id, release)

    async def ask_for(self, actor: Actor, session_id: UUID, owner_id: UUID | None) -> Claim:
        """Ask whoever has it to hand it over."""
        require_claim(actor, owner_id)
        return await self._change(actor, session_id, lambda claim: claim.ask_for(actor.user_id, self.clock()))

    async def hand_over(self, actor: Actor, session_id: UUID, to: UUID) -> Claim:
        """To somebody who has asked for it."""
        require(actor, "session.give_up")

        def hand_over(claim: Claim) -> None:
            claim.hand_over(actor.user_id, to, self.lasts, self.clock())

        return await self._change(actor, session_id, hand_over)

    async def held(self, session_id: UUID) -> tuple[UUID, datetime] | None:
        """By whom, and until when: now, on whatever server that was decided."""
        return Claim.held_after(await self.platform.last_event(Claim.id_of(session_id)), self.clock())

    async def used(self, actor: Actor, session_id: UUID, expires_at: datetime) -> None:
        """Its holder types. That prolongs it, once half of it is over."""
        if expires_at - self.clock() < self.lasts / 2:
            await self._change(actor, session_id, lambda claim: claim.used(actor.user_id, self.lasts, self.clock()))

    async def expire(self, id: UUID, cause: Cause) -> None:
        await self.platform.change(cause, Claim, id, lambda claim: claim.expire(self.clock()))

    async def _change(self, actor: Actor, session_id: UUID, decide: Callable[[Claim], None]) -> Claim:
        id = Claim.id_of(session_id)
        if await self.platform.last_event(id) is None:
            raise NotFound("nobody has claimed this session")
        return await self.platform.change(actor.cause, Claim, id, decide)
