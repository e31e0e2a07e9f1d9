"""What can be asked of invites."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.access import Actor, Cause, require
from application.platform import TRIES, ConcurrentUpdate, Platform
from application.ports.clock import Clock, Ids
from application.ports.invites import InviteTokens
from application.ports.limits import AttemptLimiter
from domain.errors import Invalid
from domain.invite import Invite, Unusable
from domain.role import Role
from domain.user import User


class InvalidToken(Invalid):
    """No invite has this token, or it is none any more (C34)."""

    code = "invalid_token"


@dataclass(frozen=True)
class Invites:
    platform: Platform
    clock: Clock
    ids: Ids
    tokens: InviteTokens
    attempt_limiter: AttemptLimiter

    async def create(self, actor: Actor, *, role: str, lasts: timedelta, max_uses: int | None) -> tuple[Invite, str]:
        """A new invite and its token, which nobody can be told again."""
        require(actor, "invite.create")
        assert actor.role is not None, "the table asks for one"
        invite = Invite.create(
            id=self.ids(),
            created_by=actor.user_id,
            as_=actor.role,
            role=role,
            lasts=lasts,
            max_uses=max_uses,
            now=self.clock(),
        )
        token = await self.tokens.issue(invite.id)  # first: one that stands for nothing does no harm
        await self.platform.commit(actor.cause, invite)
        return invite, token

    async def revoke(self, actor: Actor, id: UUID) -> None:
        require(actor, "invite.create")
        await self.platform.change(actor.cause, Invite, id, lambda it: it.revoke(self.clock()))

    async def find(self, token: str, guesser: str) -> UUID | None:
        """The invite that a token stands for. Raises `TooMany` for a guesser who was wrong too often."""
        await self.attempt_limiter.check(guesser)
        id = await self.tokens.find(token)
        if id is None:
            await self.attempt_limiter.record_failure(guesser)
        return id

    async def check(self, token: str, guesser: str) -> Role:
        """The role that it gives. Raises `Unusable`, with the code not_found where there is none (C32)."""
        id = await self.find(token, guesser)
        if id is None:
            raise Unusable("not_found")
        invite = await self.platform.load(Invite, id)
        invite.usable(self.clock())
        return invite.role

    async def accept(self, actor: Actor, token: str, guesser: str) -> Role:
        """The role that the actor has then: never less than before. Raises `InvalidToken`."""
        require(actor, "invite.accept")
        id = await self.find(token, guesser)
        if id is None:
            raise InvalidToken("Invite token invalid or expired")
        try:
            return await self.use(id, actor.user_id, actor.cause)
        except Unusable as why:
            raise InvalidToken(str(why)) from None

    async def use(self, id: UUID, user_id: UUID, cause: Cause) -> Role:
        """The invite accepted by a member of the place, once. Raises `Unusable`."""
        for attempt in range(TRIES):
            invite = await self.platform.load(Invite, id)
            user = await self.platform.load(User, user_id)
            if invite.accept(user.id, self.clock()):
                user.raise_to(invite.role, self.clock())
            try:
                await self.platform.commit(cause, user, invite)
                break
            except ConcurrentUpdate:
                if attempt == TRIES - 1:
                    raise
        return user.role

    async def expire(self, id: UUID, cause: Cause) -> None:
        """Asked by the process, when it is due."""
        await self.platform.change(cause, Invite, id, lambda it: it.expire(self.clock()))
