"""People and the identities that providers vouch for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


class People(Protocol):
    """The users behind identities. Names are rows, never events: deleting a person deletes the rows.

    An identity is a scheme and a subject, such as a provider's name and an id there. All raise `Unavailable`.
    """

    async def identify(self, scheme: str, subject: str) -> UUID:
        """Return the user of this identity. One that is new gets a new user."""
        ...

    async def find(self, scheme: str, subject: str) -> UUID | None:
        """Return the user of this identity, or None if it is new."""
        ...

    async def names(self, scheme: str, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return the subject of each user under a scheme. Users without one are left out."""
        ...

    async def display_names(self, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return the name in each user's profile. Users without a profile are left out."""
        ...


@dataclass(frozen=True)
class Identity:
    """A person as an identity provider describes them."""

    scheme: str  # the provider: "github", "google", "dev"
    subject: str  # their id there, which never changes
    name: str
    email: str | None = None
    email_verified: bool = False
    avatar_url: str | None = None


@dataclass(frozen=True)
class Profile:
    """A user as others see them."""

    user_id: UUID
    name: str
    email: str | None
    avatar_url: str | None
    last_seen_at: datetime | None


class Profiles(Protocol):
    """Personal data of people who sign in. Rows, so that they can be deleted. All raise `Unavailable`."""

    async def find_user(self, identity: Identity) -> UUID | None:
        """Return the user of this identity, or the one with its verified e-mail address; None for a stranger."""
        ...

    async def save(self, identity: Identity) -> UUID:
        """Return the user as `find_user` does, or a new one; link the identity to it and update the profile."""
        ...

    async def profiles(self, user_ids: Sequence[UUID]) -> dict[UUID, Profile]:
        """Return the profile of each user. Users without one are left out."""
        ...

    async def forget(self, user_id: UUID) -> None:
        """Delete the user's name, e-mail, identities, logins, passwords and the hashes of their API keys."""
        ...
