"""Who is signed in, and sign-ins under way at a provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from application.ports.invites import Invitation
from application.ports.people import Identity


class LoginTokens(Protocol):
    """Who is signed in, by an unguessable token of which only the hash is kept."""

    async def issue(self, user_id: UUID, now: datetime, lasts: timedelta) -> str:
        """A new token."""
        ...

    async def find(self, token: str, now: datetime, lasts: timedelta) -> UUID | None:
        """Whose it is, if it is still good. It is then good for so long from now on, and its user was seen."""
        ...

    async def end(self, token: str) -> None: ...


@dataclass(frozen=True)
class Attempt:
    """A sign-in under way at a provider. `state` is in the provider's hands, `browser` in a cookie."""

    state: str
    browser: str
    verifier: str  # PKCE: known to who began, and to nobody whom the code meets on its way
    nonce: str  # comes back inside an ID token
    invited: Invitation | None


class Attempts(Protocol):
    """Sign-ins under way. Kept are hashes, for ten minutes."""

    async def begin(self, provider: str, invited: Invitation | None, now: datetime) -> Attempt: ...

    async def take(self, provider: str, state: str, browser: str, now: datetime) -> Attempt | None:
        """The one that this browser began there; once."""
        ...


class Provider(Protocol):
    """Somebody who can tell who people are, by OAuth 2. Both raise `ProviderFailed`."""

    async def begin(self, redirect_uri: str, attempt: Attempt) -> str:
        """Where to send the browser."""
        ...

    async def finish(self, redirect_uri: str, attempt: Attempt, code: str) -> Identity:
        """Whom the code stands for that the browser came back with."""
        ...
