"""People and the identities that providers vouch for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

LOCAL = "vm"  # the scheme of names that nobody vouches for, and of those that a proxy does
OLD_LOCAL = "dev"  # of names that signed in by themselves in version 0.1, which were other users
# Schemes in which people choose their names: local sign-ins of version 0.1, instructors, and VM accounts.
SELF_NAMED_SCHEMES = (OLD_LOCAL, "password", "neptuned", "clarateach")


@dataclass(frozen=True)
class Person:
    """A user as the history shows them."""

    user_id: UUID
    name: str
    scheme: str  # of the identity that the name is from, or that vouches for it


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

    async def describe(self, user_ids: Sequence[UUID]) -> dict[UUID, Person]:
        """Return each user's name and the scheme of an identity, of a sign-in provider if there is one.

        Users without an identity are left out.
        """
        ...

    async def find_named(self, name: str) -> list[UUID]:
        """Return every user with this name in their profile, or with an identity whose subject this is."""
        ...

    async def display_names(self, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return the name in each user's profile. Users without a profile are left out."""
        ...


@dataclass(frozen=True)
class Identity:
    """A person as an identity provider describes them."""

    scheme: str  # the provider: "github", "google", or `LOCAL`
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
        """Return the user of this identity; None for a stranger.

        Without one, return the user whose verified e-mail address the identity has, if its provider has verified it
        and that user has no other identity of this provider (OpenID Connect Core 5.7: another subject is another
        person).
        """
        ...

    async def save(self, identity: Identity) -> UUID:
        """Return the user as `find_user` does, or a new one; link the identity to it and update the profile."""
        ...

    async def forget_verified_email(self, identity: Identity) -> None:
        """Delete the e-mail address of the identity's user, since its provider does not verify it any more."""
        ...

    async def profiles(self, user_ids: Sequence[UUID]) -> dict[UUID, Profile]:
        """Return the profile of each user. Users without one are left out."""
        ...

    async def forget(self, user_id: UUID) -> None:
        """Delete the user's name, e-mail, identities, logins, passwords and the hashes of their API keys."""
        ...
