"""Login tokens, and sign-ins under way at an identity provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from application.ports.invites import Invitation
from application.ports.people import Identity


@dataclass(frozen=True)
class Login:
    """A valid login. Its id names it and opens nothing."""

    id: UUID
    user_id: UUID
    expires_at: datetime


class LoginTokens(Protocol):
    """Tokens of people who are signed in. Only a hash of each is stored."""

    async def issue(self, user_id: UUID, now: datetime, lasts: timedelta) -> str:
        """Return a new token, valid for `lasts`."""
        ...

    async def find(self, token: str, now: datetime, lasts: timedelta) -> Login | None:
        """Return the login of a token, or None if it is not valid.

        A valid one is extended to `lasts` from `now`, and its user counts as seen.
        """
        ...

    async def revoke(self, token: str) -> None:
        """Make the token invalid, and end what was opened with it. Does nothing for one that is not valid."""
        ...


@dataclass(frozen=True)
class PendingSignIn:
    """A sign-in under way at a provider. The provider returns `state`; the browser holds `browser` in a cookie."""

    state: str
    browser: str
    verifier: str  # of PKCE (RFC 7636): a stolen code cannot be exchanged without it
    nonce: str  # comes back inside an ID token
    invitation: Invitation | None


class PendingSignIns(Protocol):
    """Sign-ins under way. Only hashes are stored, for ten minutes."""

    async def begin(self, provider: str, invitation: Invitation | None, now: datetime) -> PendingSignIn:
        """Return a new sign-in at the provider with this name."""
        ...

    async def take(self, provider: str, state: str, browser: str, now: datetime) -> PendingSignIn | None:
        """Remove and return the sign-in that this browser began at this provider; None if there is none."""
        ...


class Provider(Protocol):
    """An identity provider, by OAuth 2 with an authorization code (RFC 6749). Both methods raise `ProviderFailed`."""

    async def begin(self, redirect_uri: str, sign_in: PendingSignIn) -> str:
        """Return the URL to send the browser to."""
        ...

    async def finish(self, redirect_uri: str, sign_in: PendingSignIn, code: str) -> Identity:
        """Exchange the code that the browser came back with for the person's identity."""
        ...
