"""Claims: the exclusive right to type into a session, for a limited time.

Who holds a claim is read from the log itself, never from a read model: otherwise two servers could accept keys from two
people. Every event of a claim carries its holder and its end, so reading the last event is enough.
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

MAX_ATTEMPTS = 20  # at one claim; many may try at once, and each round settles one of them


@dataclass(frozen=True)
class Claims:
    """Commands on claims. `lasts` is how long a claim holds without being used."""

    platform: Platform
    clock: Clock
    lasts: timedelta

    async def take(self, actor: Actor, session_id: UUID, owner_id: UUID | None) -> Claim:
        """Claim a session. Raises `Claimed` if somebody else holds it and the actor may not take it over.

        `owner_id` is the holder of the workspace that the session is in; None for a session of the host.
        """
        require_claim(actor, owner_id)
        id = Claim.id_of(session_id)
        may_take_over = allowed(actor, "session.take_over")
        former: set[UUID | None] = set()

        def take(claim: Claim) -> None:
            claim.take(
                actor.user_id, self.lasts, self.clock(), may_take_over=may_take_over or claim.holder_id in former
            )

        if await self.platform.last_event(id) is None:
            first = Claim.begin(session_id, actor.user_id, self.lasts, self.clock(), owner_id)
            try:
                await self.platform.commit(actor.cause, first)
                return first
            except ConcurrentUpdate:
                pass  # somebody else was faster and holds it
        for _ in range(MAX_ATTEMPTS):
            try:
                return await self.platform.change(actor.cause, Claim, id, take)
            except Claimed as error:
                if await self._may_hold(error.holder_id):
                    raise
                former.add(error.holder_id)
            except ConcurrentUpdate:
                continue  # each round settles one of the many who try
        return await self.platform.change(actor.cause, Claim, id, take)

    async def _may_hold(self, user_id: UUID) -> bool:
        """Whether a user may still hold claims. Claims of a removed user, or of a mere viewer, are free to take."""
        role = getattr(await self.platform.last_event(user_id), "role", None)
        return role is not None and Role(role).at_least(Role.OPERATOR)

    async def release(self, actor: Actor, session_id: UUID) -> Claim:
        """Give a claim back. Raises `NotFound` if nobody holds it, `NotAllowed` if somebody else does."""
        require(actor, "session.give_up")
        may_take_over = allowed(actor, "session.take_over")

        def release(claim: Claim) -> None:
            claim.release(actor.user_id, self.clock(), may_take_over=may_take_over)

        return await self._change(actor, session_id, release)

    async def ask_for(self, actor: Actor, session_id: UUID, owner_id: UUID | None) -> Claim:
        """Ask the holder to hand the claim over. Raises `NotFound` if nobody holds it."""
        require_claim(actor, owner_id)
        return await self._change(actor, session_id, lambda claim: claim.request_handover(actor.user_id, self.clock()))

    async def hand_over(self, actor: Actor, session_id: UUID, to: UUID) -> Claim:
        """Hand the claim over to a user who has asked for it. Raises `NotFound` if nobody holds it."""
        require(actor, "session.give_up")

        def hand_over(claim: Claim) -> None:
            claim.hand_over(actor.user_id, to, self.lasts, self.clock())

        return await self._change(actor, session_id, hand_over)

    async def holder(self, session_id: UUID) -> tuple[UUID, datetime] | None:
        """The holder's user id and the end of the claim, read from the log; None if nobody holds it now."""
        return Claim.holder_after(await self.platform.last_event(Claim.id_of(session_id)), self.clock())

    async def used(self, actor: Actor, session_id: UUID, expires_at: datetime) -> None:
        """Record that the holder types. This prolongs the claim once half of its time is over."""
        if expires_at - self.clock() < self.lasts / 2:
            await self._change(actor, session_id, lambda claim: claim.renew(actor.user_id, self.lasts, self.clock()))

    async def expire(self, id: UUID, cause: Cause) -> None:
        """End a claim that is due; asked by the process."""
        await self.platform.change(cause, Claim, id, lambda claim: claim.expire(self.clock()))

    async def _change(self, actor: Actor, session_id: UUID, decide: Callable[[Claim], None]) -> Claim:
        id = Claim.id_of(session_id)
        if await self.platform.last_event(id) is None:
            raise NotFound("nobody has claimed this session")
        return await self.platform.change(actor.cause, Claim, id, decide)
