"""Claims: the exclusive right to type into a session, for a limited time.

Who holds a claim is read from the log itself, never from a read model: otherwise two servers could accept keys from two
people. Every event of a claim carries its holder and its end, so reading the last event is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from application.access import Actor, Cause, allowed, require
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.roles import present_role
from application.sessions import may_claim, require_claim
from domain.claim import Claim, Claimed
from domain.errors import NotAllowed, NotFound

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
        claim = await self._take(actor, session_id, owner_id)
        await self._require_still(actor, session_id, owner_id)
        return claim

    async def _take(self, actor: Actor, session_id: UUID, owner_id: UUID | None) -> Claim:
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
                if await self._may_hold(error.holder_id, owner_id):
                    raise
                former.add(error.holder_id)
            except ConcurrentUpdate:
                continue  # each round settles one of the many who try
        return await self.platform.change(actor.cause, Claim, id, take)

    async def _require_still(self, actor: Actor, session_id: UUID, owner_id: UUID | None) -> None:
        """Release the claim again, and raise `NotAllowed`, if the actor's role was taken away meanwhile."""
        if await self.platform.last_event(actor.user_id) is None or await self._may_hold(actor.user_id, owner_id):
            return
        with suppress(NotFound, NotAllowed):  # it is released already
            await self.release(actor, session_id)
        raise NotAllowed("your role does not allow to claim this session any more")

    async def _may_hold(self, user_id: UUID, owner_id: UUID | None) -> bool:
        """Whether a user may still hold this claim. That of a removed user, or of a mere viewer, is free to take."""
        role = await present_role(self.platform, user_id)
        return role is not None and may_claim(Actor(user_id, "", "").with_role(role), owner_id)

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
        id = Claim.id_of(session_id)
        if await self.platform.last_event(id) is not None:
            claim = await self.platform.load(Claim, id)
            if to in claim.asking and not await self._may_hold(to, claim.owner_id):
                raise NotFound("they may not claim this session any more")

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
