"""Signing in: who may, and as what."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.access import Cause
from application.first_owner import find_ownership, first_owner_aggregates
from application.invites import Invites
from application.platform import TRIES, ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.ports.invites import Invitation
from application.ports.logins import LoginTokens
from application.ports.people import Identity, Profiles
from application.ports.vm_accounts import Numbers
from domain.aggregate import Aggregate
from domain.errors import NotAllowed, NotFound
from domain.invite import Invite, Unusable
from domain.name import checked
from domain.role import Role
from domain.user import User

LASTS = timedelta(days=30)  # a login, from when it was last used
REASONS = {"expired": "invite_expired", "exhausted": "invite_exhausted"}  # of an invite that is none any more


class NotLetIn(NotAllowed):
    """They cannot sign in. `code` is the reason, as the page is told it."""

    def __init__(self, code: str) -> None:
        super().__init__(f"signing in was refused: {code}")
        self.code = code


@dataclass(frozen=True)
class Logins:
    platform: Platform
    clock: Clock
    profiles: Profiles
    tokens: LoginTokens
    invites: Invites
    open_signup: bool
    numbers: Numbers

    async def invitation(self, token: str | None, guesser: str) -> Invitation | None:
        """What somebody came with, to be remembered while they are away at their provider."""
        return Invitation(await self.invites.find(token, guesser)) if token else None

    async def sign_in(self, who: Identity, invited: Invitation | None, request_id: str) -> str:
        """A token for the cookie of somebody whom a provider vouches for. Raises `NotLetIn`."""
        if not who.email:
            raise NotLetIn("no_email")
        if not who.email_verified:
            raise NotLetIn("email_not_verified")
        return await self._sign_in(who, invited, request_id)

    async def sign_in_by_name(self, name: str, invited: Invitation | None, request_id: str) -> str:
        """The same for development, where whoever asks is believed. Raises `NotLetIn`, and `Invalid` for the name."""
        name = checked(name)
        return await self._sign_in(Identity("dev", name, name, email=f"{name}@localhost"), invited, request_id)

    async def _sign_in(self, who: Identity, invited: Invitation | None, request_id: str) -> str:
        user = await self.admit(who, invited, request_id)
        return await self.tokens.issue(user.id, self.clock(), LASTS)

    async def admit(self, who: Identity, invited: Invitation | None, request_id: str) -> User:
        """The user whom an identity belongs to, who has joined with this if they were none. Raises `NotLetIn`."""
        for _ in range(TRIES):
            try:
                return await self._member(who, invited, request_id) or await self._joined(who, invited, request_id)
            except ConcurrentUpdate:
                continue  # somebody came first: what is true now?
            except NotLetIn:
                await self._forget_stranger(who)
                raise
        raise ConcurrentUpdate("many are signing in just now; try again")

    async def who(self, token: str) -> UUID | None:
        """Whose login this is, if it is still good."""
        return await self.tokens.find(token, self.clock(), LASTS)

    async def sign_out(self, token: str) -> None:
        await self.tokens.end(token)

    async def _member(self, who: Identity, invited: Invitation | None, request_id: str) -> User | None:
        """The user whom this identity belongs to; whoever comes with an invite has accepted it."""
        id = await self.profiles.known(who)
        user = await self._user(id) if id else None
        if user is None:
            return None
        if user.removed_at is not None:
            await self.profiles.forget(user.id)  # the process is about to: they come as somebody new
            return None
        if await self.profiles.keep(who) != user.id:
            raise ConcurrentUpdate("they were removed just now")
        if invited and invited.id:
            with suppress(Unusable):  # they need none
                await self.invites.use(invited.id, user.id, Cause(user.id, request_id))
        return user

    async def _joined(self, who: Identity, invited: Invitation | None, request_id: str) -> User:
        """The first one founds the place; later ones need an invite, unless it is open."""
        role, invite = await self._entry(invited)
        id, now = await self.profiles.keep(who), self.clock()
        also: list[Aggregate] = [invite] if invite else []
        if invite:
            invite.accept(id, now)
        if role == Role.OWNER:
            also = first_owner_aggregates(id, await self.numbers(), now)
        user = User(id=id, at=now, role=str(role), invite_id=invite.id if invite else None)
        await self.platform.commit(Cause(id, request_id), user, *also)
        return user

    async def _entry(self, invited: Invitation | None) -> tuple[Role, Invite | None]:
        """As what somebody new comes in, and by which invite. Raises `NotLetIn`."""
        if await find_ownership(self.platform) is None:
            return Role.OWNER, None
        if invited is None:
            if self.open_signup:
                return Role.VIEWER, None
            raise NotLetIn("invite_required")
        if invited.id is None:
            raise NotLetIn("invalid_invite")
        invite = await self.platform.load(Invite, invited.id)
        try:
            invite.usable(self.clock())
        except Unusable as why:
            raise NotLetIn(REASONS.get(why.code, "invalid_invite")) from None
        return invite.role, invite

    async def _forget_stranger(self, who: Identity) -> None:
        """They were made known before somebody else took the last place: nothing of them stays."""
        id = await self.profiles.known(who)
        if id and await self._user(id) is None:
            await self.profiles.forget(id)

    async def _user(self, id: UUID) -> User | None:
        try:
            return await self.platform.load(User, id)
        except NotFound:
            return None
