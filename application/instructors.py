"""Accounts of instructors: an e-mail address and a password, exchanged for a token."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.guesses import count_wrong_guess, guess_at
from application.logins import LASTS, Logins
from application.platform import Platform
from application.ports.clock import Clock
from application.ports.limits import AttemptLimiter
from application.ports.logins import Login, LoginTokens
from application.ports.passwords import Passwords
from application.ports.people import Identity
from domain.errors import Conflict, Invalid
from domain.name import validate_name
from domain.user import User

SCHEME = "password"  # of identities made by registering here
MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS = 8, 1000
TOKEN_PREFIX = "ct_"  # of every instructor's token


@dataclass(frozen=True)
class Instructors:
    """Commands on accounts of instructors."""

    platform: Platform
    clock: Clock
    logins: Logins
    passwords: Passwords
    tokens: LoginTokens
    attempt_limiter: AttemptLimiter

    async def register(
        self,
        *,
        email: str,
        password: str,
        name: str,
        invite: str | None,
        address: str,
        request_id: str,
        may_own: bool,
    ) -> tuple[str, User]:
        """A new account: its token and its user. Raises `NotLetIn` as sign-ins do; `Conflict` for a taken e-mail.

        `may_own` as in `Logins.admit`.
        """
        email = normalize_email(email)
        if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
            raise Invalid(f"password must be {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")
        identity = Identity(SCHEME, email, validate_name(name), email=email)
        user_id = await self.logins.profiles.find_user(identity)
        if user_id and await self.passwords.has_password(user_id):
            # Else repeated attempts would list the accounts.
            await count_wrong_guess(self.attempt_limiter, f"register {address}")
            raise Conflict("somebody has registered with this e-mail")
        invitation = await self.logins.invitation(invite, address)
        user = await self.logins.admit(identity, invitation, request_id, may_own=may_own)
        if not await self.passwords.add(user.id, password, address):
            raise Conflict("somebody has registered with this e-mail")
        return await self._token(user.id), user

    async def log_in(self, *, email: str, password: str, address: str) -> tuple[str, User] | None:
        """The account's token and user; None for a wrong password or an unknown e-mail, which take equally long.

        Raises `TooMany` after wrong guesses from this address at this e-mail.
        """
        identity = Identity(SCHEME, normalize_email(email), "")
        guess_source = f"login {identity.subject} {address}"
        shared = (f"login from {address}", f"login as {identity.subject}")
        async with guess_at(self.attempt_limiter, guess_source, *shared) as guess:
            id = await self.logins.profiles.find_user(identity)
            # Else whoever floods from this address would keep those waiting who have logged in from there before.
            source = guess_source if guess.is_proven else address
            if not await self.passwords.verify(id, password, source) or id is None:
                guess.wrong()
                return None
            guess.right()
        user = await self.platform.load(User, id)
        return None if user.removed_at else (await self._token(id), user)

    async def find(self, token: str) -> Login | None:
        """The login of a valid token; None for any other token."""
        return await self.tokens.find(token.removeprefix(TOKEN_PREFIX), self.clock(), LASTS)

    async def log_out(self, token: str) -> None:
        """End a token."""
        await self.tokens.revoke(token.removeprefix(TOKEN_PREFIX))

    async def _token(self, id: UUID) -> str:
        return TOKEN_PREFIX + await self.tokens.issue(id, self.clock(), LASTS)


def normalize_email(email: str) -> str:
    """An e-mail address in the form that is compared: trimmed, lower case. Raises `Invalid` for anything else."""
    email = email.strip().lower()
    name, at, domain = email.rpartition("@")
    if not name or not at or not domain or len(email) > 254 or not email.isprintable() or " " in email:
        raise Invalid("email must be an e-mail address")
    return email
