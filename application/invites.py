"""Invites: tokens that let their bearer join with a role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.access import Actor, Cause, require
from application.first_owner import Ownership
from application.guesses import count_wrong_guess
from application.platform import MAX_ATTEMPTS, ConcurrentUpdate, Platform
from application.ports.clock import Clock, Ids
from application.ports.invites import InviteTokens
from application.ports.limits import AttemptLimiter
from domain.errors import Invalid
from domain.invite import MAX_NOTE_CHARS, Invite, Unusable
from domain.name import validate_name
from domain.role import Role
from domain.user import User


class InvalidToken(Invalid):
    """The token belongs to no invite that can still be used (C34)."""

    code = "invalid_token"


@dataclass(frozen=True)
class Invites:
    """Commands on invites."""

    platform: Platform
    clock: Clock
    ids: Ids
    tokens: InviteTokens
    ownership: Ownership
    attempt_limiter: AttemptLimiter

    async def create(
        self, actor: Actor, *, role: str, lasts: timedelta, max_uses: int | None, note: str | None
    ) -> tuple[Invite, str]:
        """A new invite and its token. Only the token's hash is kept: it cannot be shown again."""
        require(actor, "invite.create")
        assert actor.role is not None, "the permission table asks for a role"
        invite = Invite.create(
            id=self.ids(),
            created_by=actor.user_id,
            inviter_role=actor.role,
            role=role,
            lasts=lasts,
            max_uses=max_uses,
            now=self.clock(),
        )
        if note:
            await self.tokens.add_note(invite.id, actor.user_id, validate_name(note, "note", MAX_NOTE_CHARS))
        token = await self.tokens.issue(invite.id)  # first: a token without an invite does no harm
        await self.platform.commit(actor.cause, invite)
        return invite, token

    async def revoke(self, actor: Actor, id: UUID) -> None:
        """Revoke an invite. Raises `NotFound`."""
        require(actor, "invite.create")
        await self.platform.change(actor.cause, Invite, id, lambda invite: invite.revoke(self.clock()))

    async def find(self, token: str, address: str) -> UUID | None:
        """The invite of a token, or the one-time link to ownership; None for an unknown one.

        Raises `TooMany` after wrong ones from `address`.
        """
        id = await self.tokens.find(token) or await self.ownership.find_link(token)
        if id is None:
            await count_wrong_guess(self.attempt_limiter, f"invite {address}")
        return id

    async def check(self, token: str, address: str) -> Role:
        """The role that a token gives. Raises `Unusable`, with the code not_found for an unknown token (C32)."""
        id = await self.find(token, address)
        if id is None:
            raise Unusable("not_found")
        invite = await self.platform.find(Invite, id)
        if invite is None:
            return Role.OWNER
        invite.require_usable(self.clock())
        return invite.role

    async def accept(self, actor: Actor, token: str, address: str) -> Role:
        """The actor's role after accepting: never a lower one than before. Raises `InvalidToken`."""
        require(actor, "invite.accept")
        id = await self.find(token, address)
        if id is None:
            raise InvalidToken("Invite token invalid or expired")
        if await self.ownership.take_link(id):
            await self.ownership.give(actor.user_id, actor.cause)
            return Role.OWNER
        try:
            return await self.use(id, actor.user_id, actor.cause)
        except Unusable as error:
            raise InvalidToken(str(error)) from None

    async def use(self, id: UUID, user_id: UUID, cause: Cause) -> Role:
        """Accept an invite for a member, once; returns the member's role. Raises `Unusable`."""
        for attempt in range(MAX_ATTEMPTS):
            invite = await self.platform.load(Invite, id)
            user = await self.platform.load(User, user_id)
            if invite.accept(user.id, self.clock()):
                user.raise_to(invite.role, self.clock())
            try:
                await self.platform.commit(cause, user, invite)
                break
            except ConcurrentUpdate:
                if attempt == MAX_ATTEMPTS - 1:
                    raise
        return user.role

    async def expire(self, id: UUID, cause: Cause) -> None:
        """End an invite that is due; asked by the process."""
        await self.platform.change(cause, Invite, id, lambda invite: invite.expire(self.clock()))
