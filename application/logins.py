"""Signing in: who may join, with which role, and the tokens of logins."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from application.access import Cause
from application.first_owner import Ownership, find_ownership
from application.invites import Invites
from application.platform import MAX_ATTEMPTS, ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.ports.invites import Invitation
from application.ports.logins import Login, LoginTokens
from application.ports.people import LOCAL, OLD_LOCAL, Identity, Profiles
from domain.aggregate import Aggregate
from domain.errors import NotAllowed, NotFound
from domain.invite import Invite, Unusable
from domain.name import validate_name
from domain.role import Role
from domain.user import User

LASTS = timedelta(days=30)  # of a login, from its last use
REASONS = {
    "expired": "invite_expired",
    "exhausted": "invite_exhausted",
}  # for the sign-in page, when an invite can no longer be used


class NotLetIn(NotAllowed):
    """Signing in is refused. `code` is the reason, for the sign-in page."""

    def __init__(self, code: str) -> None:
        super().__init__(f"signing in was refused: {code}")
        self.code = code


@dataclass(frozen=True)
class Logins:
    """Commands on logins."""

    platform: Platform
    clock: Clock
    profiles: Profiles
    tokens: LoginTokens
    invites: Invites
    ownership: Ownership
    open_signup: bool

    async def invitation(self, token: str | None, address: str) -> Invitation | None:
        """The invitation of a token, kept while its bearer signs in at a provider. None without a token."""
        return Invitation(await self.invites.find(token, address)) if token else None

    async def sign_in(self, identity: Identity, invitation: Invitation | None, request_id: str) -> str:
        """A login token for an identity that a provider vouches for. Raises `NotLetIn`."""
        if not identity.email or not identity.email_verified:
            await self.profiles.forget_verified_email(identity)  # else it would go on linking other providers
            raise NotLetIn("email_not_verified" if identity.email else "no_email")
        return await self._sign_in(identity, invitation, request_id)

    async def sign_in_by_name(self, name: str, invitation: Invitation | None, request_id: str) -> str:
        """A login token for a name that nobody vouches for. Raises `NotLetIn`, `Invalid`.

        Only for local and private requests: the first of them owns the installation.
        """
        name = validate_name(name)
        identity = Identity(OLD_LOCAL, name, name, email=f"{name}@localhost")
        if await self.profiles.find_user(identity) is None:
            identity = replace(identity, scheme=LOCAL)
        return await self._sign_in(identity, invitation, request_id, may_own=True)

    async def _sign_in(
        self, identity: Identity, invitation: Invitation | None, request_id: str, *, may_own: bool = False
    ) -> str:
        user = await self.admit(identity, invitation, request_id, may_own=may_own)
        return await self.tokens.issue(user.id, self.clock(), LASTS)

    async def admit(
        self, identity: Identity, invitation: Invitation | None, request_id: str, *, may_own: bool = False
    ) -> User:
        """The user of an identity; a new one joins by this. Raises `NotLetIn`.

        `may_own`: the request is local and private, so that the first user becomes the owner. Anybody else becomes the
        owner only by a one-time link.
        """
        is_linked = bool(invitation and invitation.id and await self.ownership.take_link(invitation.id))
        was_known = await self.profiles.find_user(identity) is not None
        for _ in range(MAX_ATTEMPTS):
            try:
                owns = (is_linked or may_own) and await find_ownership(self.platform) is None
                return await self._member(identity, invitation, request_id, owns) or await self._joined(
                    identity, None if owns else invitation, request_id, owns
                )
            except ConcurrentUpdate:
                continue  # somebody else was faster: decide again on what is true now
            except NotLetIn:
                if not was_known:  # else a name with workspaces of its own, and no membership, would lose them
                    await self._forget_stranger(identity)
                raise
        raise ConcurrentUpdate("many are signing in just now; try again")

    async def find(self, token: str) -> Login | None:
        """The login of a valid token; None for any other token."""
        return await self.tokens.find(token, self.clock(), LASTS)

    async def sign_out(self, token: str) -> None:
        """End a login, and what was opened with it."""
        await self.tokens.revoke(token)

    async def _member(
        self, identity: Identity, invitation: Invitation | None, request_id: str, owns: bool
    ) -> User | None:
        """The member of this identity, who then has accepted the invitation, if any. None for a stranger."""
        id = await self.profiles.find_user(identity)
        user = await self._user(id) if id else None
        if user is None:
            return None
        if user.removed_at is not None:
            await self.profiles.forget(user.id)  # the process of removal would do it later: they join as a new user
            return None
        if await self.profiles.save(identity) != user.id:
            raise ConcurrentUpdate("this account was removed just now")
        if owns:
            await self.platform.commit(Cause(user.id, request_id), *await self.ownership.first(user))
        elif invitation and invitation.id:
            with suppress(Unusable, NotFound):  # a member needs no invite
                await self.invites.use(invitation.id, user.id, Cause(user.id, request_id))
        return user

    async def _joined(self, identity: Identity, invitation: Invitation | None, request_id: str, owns: bool) -> User:
        """A new user, who is the owner, or needs an invitation, unless sign-up is open."""
        role, invite = (Role.OWNER, None) if owns else await self._entry(invitation)
        id, now = await self.profiles.save(identity), self.clock()
        others: list[Aggregate] = [invite] if invite else []
        if invite:
            invite.accept(id, now)
        user = User(id=id, at=now, role=str(role), invite_id=invite.id if invite else None)
        aggregates = await self.ownership.first(user) if owns else [user, *others]
        await self.platform.commit(Cause(id, request_id), *aggregates)
        return user

    async def _entry(self, invitation: Invitation | None) -> tuple[Role, Invite | None]:
        """The role of a new user, and the invite that gives it. Raises `NotLetIn`."""
        if invitation is None:
            if self.open_signup:
                return Role.VIEWER, None
            raise NotLetIn("invite_required")
        if invitation.id is None:
            raise NotLetIn("invalid_invite")
        invite = await self.platform.find(Invite, invitation.id)
        if invite is None:  # a one-time link that somebody has used meanwhile
            raise NotLetIn("invalid_invite")
        try:
            invite.require_usable(self.clock())
        except Unusable as error:
            raise NotLetIn(REASONS.get(error.code, "invalid_invite")) from None
        return invite.role, invite

    async def _forget_stranger(self, identity: Identity) -> None:
        """Delete the rows of somebody who was refused after their identity had been stored."""
        id = await self.profiles.find_user(identity)
        if id and await self._user(id) is None:
            await self.profiles.forget(id)

    async def _user(self, id: UUID) -> User | None:
        try:
            return await self.platform.load(User, id)
        except NotFound:
            return None
