"""Accounts of virtual machines: rows beside the log, and their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID


class Numbers(Protocol):
    """Makes numbers of VM accounts."""

    async def __call__(self) -> int:
        """Return a new snowflake: a unique number of 63 bits, larger than older ones. Raises `Unavailable`."""
        ...


@dataclass(frozen=True)
class AccountDescription:
    """What is stored of an account beside the log, except its secrets."""

    name: str
    ban_reason: str | None


class AccountRows(Protocol):
    """Names, passwords and ban reasons of accounts. Rows, so that they can be deleted. All raise `Unavailable`.

    A `proof` is what clients send for a password. Tokens are issued for the stored hash of a proof, and only while
    that hash is still stored. Hashes of one `source`, an address or a user, wait for their turn among those of others.
    """

    async def register(self, user_id: UUID, username: str, proof: str, source: str) -> str | None:
        """Store a new account and return the hash of its password; None if the name is taken."""
        ...

    async def find(self, username: str) -> UUID | None:
        """Return the user with this name, or None."""
        ...

    async def is_stale(self, user_id: UUID, now: datetime) -> bool:
        """Return whether the rows are so old that their account, if it has no event by now, will never have one."""
        ...

    async def verify_proof(self, user_id: UUID | None, proof: str, source: str) -> str | None:
        """Return the user's stored hash if the proof fits it. Takes as long for a missing user as for any other."""
        ...

    async def has_password(self, user_id: UUID) -> bool:
        """Return whether the user has a password."""
        ...

    async def change_password(self, user_id: UUID, proof: str, keep_token: UUID | None) -> bool:
        """Replace the password and delete all tokens but `keep_token`. Returns False if there is no password."""
        ...

    async def describe(self, user_ids: Sequence[UUID]) -> dict[UUID, AccountDescription]:
        """Return name and ban reason of each user. A user without rows has the name ""."""
        ...

    async def has_other_identity(self, user_id: UUID) -> bool:
        """Return whether the user also has an identity of another contract."""
        ...

    async def forget(self, user_id: UUID) -> None:
        """Delete what only these accounts store: the ban reason."""
        ...

    async def set_ban_reason(self, user_id: UUID, reason: str | None) -> None:
        """Store the reason of a ban; None deletes it."""
        ...


class VmLogin(NamedTuple):
    """What a valid token says."""

    user_id: UUID
    token_id: UUID
    expires_at: datetime


class VmTokens(Protocol):
    """Signed login tokens of VM accounts, each valid while its row exists. All methods raise `Unavailable`."""

    async def issue(self, user_id: UUID, number: int, password_hash: str, now: datetime) -> str | None:
        """Return a new token for the account with this number; None if the password has changed meanwhile."""
        ...

    async def find(self, token: str, now: datetime) -> VmLogin | None:
        """Return the login of a valid token; None for any other."""
        ...

    async def is_valid(self, token_id: UUID, now: datetime) -> bool:
        """Return whether the token with this id is still valid."""
        ...

    async def revoke(self, token_id: UUID) -> None:
        """Make the token with this id invalid."""
        ...
