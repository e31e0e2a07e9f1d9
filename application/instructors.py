"""Accounts of instructors: an e-mail and a password, and a token for who has both."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.logins import LASTS, Logins
from application.platform import Platform
from application.ports.clock import Clock
from application.ports.limits import AttemptLimiter
from application.ports.logins import LoginTokens
from application.ports.passwords import Passwords
from application.ports.people import Identity
from domain.errors import Conflict, Invalid
from domain.name import checked
from domain.user import User

SCHEME = "password"  # the identities of people who registered here
PASSWORD = (8, 1000)  # characters
MARK = "ct_"  # what every instructor's token begins with


@dataclass(frozen=True)
class Instructors:
    platform: Platform
    clock: Clock
    logins: Logins
    passwords: Passwords
    tokens: LoginTokens
    attempt_limiter: AttemptLimiter

    async def register(
        self, *, email: str, password: str, name: str, invite: str | None, guesser: str, request_id: str
    ) -> tuple[str, User]:
        """A token, and who they are now. Raises `NotLetIn` like every other door, and `Conflict` for a taken e-mail."""
        email = address(email)
        if not PASSWORD[0] <= len(password) <= PASSWORD[1]:
            raise Invalid("password must be {} to {} characters".format(*PASSWORD))
        who = Identity(SCHEME, email, checked(name), email=email)
        await self.attempt_limiter.check(guesser)
        known = await self.logins.profiles.known(who)
        if known and await self.passwords.has(known):
            await self.attempt_limiter.record_failure(guesser)  # whoever asks on learns who is here
            raise Conflict("somebody has registered with this e-mail")
        invited = await self.logins.invitation(invite, guesser)
        user = await self.logins.admit(who, invited, request_id)
        if not await self.passwords.keep(user.id, password):
            raise Conflict("somebody has registered with this e-mail")
        return await self._token(user.id), user

    async def log_in(self, *, email: str, password: str, guesser: str) -> tuple[str, User] | None:
        """The same; None if that is not their password, or there is nobody, which takes as long."""
        who = Identity(SCHEME, address(email), "")
        await self.attempt_limiter.check(guesser)
        id = await self.logins.profiles.known(who)
        good = await self.passwords.check(id, password)
        if id is None or not good:
            await self.attempt_limiter.record_failure(guesser)
            return None
        user = await self.platform.load(User, id)
        return None if user.removed_at else (await self._token(id), user)

    async def who(self, token: str) -> UUID | None:
        """Whose token this is, if it is still good."""
        return await self.tokens.find(token.removeprefix(MARK), self.clock(), LASTS)

    async def log_out(self, token: str) -> None:
        await self.tokens.end(token.removeprefix(MARK))

    async def _token(self, id: UUID) -> str:
        return MARK + await self.tokens.issue(id, self.clock(), LASTS)


def address(email: str) -> str:
    """An e-mail as it is compared. `Invalid` for what is none."""
    email = email.strip().lower()
    name, at, domain = email.rpartition("@")
    if not name or not at or not domain or len(email) > 254 or not email.isprintable() or " " in email:
        raise Invalid("email must be an e-mail address")
    return email
