"""People and the identities that providers vouch for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


class People(Protocol):
    """Who is behind a credential. Names are kept here, never in events; deleting a person deletes the rows."""

    async def identify(self, scheme: str, subject: str) -> UUID:
        """The user whom this identity belongs to. One who is seen for the first time is made known."""
        ...

    async def find(self, scheme: str, subject: str) -> UUID | None:
        """The user whom this identity belongs to, if it is known."""
        ...

    async def names(self, scheme: str, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        """What these users are called under a scheme; who has no such identity is left out."""
        ...

    async def called(self, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        """The names of those who have signed in and are shown by one."""
        ...


@dataclass(frozen=True)
class Identity:
    """Somebody as a provider of identities vouches for them."""

    scheme: str  # the provider: "github", "google", "dev"
    subject: str  # their id there, which never changes
    name: str
    email: str | None = None
    email_verified: bool = False
    avatar_url: str | None = None


@dataclass(frozen=True)
class Profile:
    """How a user is shown to others."""

    user_id: UUID
    name: str
    email: str | None
    avatar_url: str | None
    last_seen_at: datetime | None


class Profiles(Protocol):
    """What is known of people who sign in. Rows, so that they can be forgotten."""

    async def known(self, who: Identity) -> UUID | None:
        """The user whom this identity belongs to, or whose verified e-mail it has."""
        ...

    async def keep(self, who: Identity) -> UUID:
        """The same, made known if there is none, linked if they came by another provider, and up to date."""
        ...

    async def profiles(self, user_ids: Sequence[UUID]) -> dict[UUID, Profile]:
        """Who has none is left out."""
        ...

    async def forget(self, user_id: UUID) -> None:
        """Delete their name, e-mail, identities, logins and the hashes of their API keys."""
        ...
