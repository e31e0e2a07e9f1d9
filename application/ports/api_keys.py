"""Texts of API keys, and the short-lived tokens made from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from domain.role import Role
from domain.scope import Scope

MARK = "tnr_"  # begins the text of every key, which tells it from a token and lets scanners find leaked ones


@dataclass(frozen=True)
class Grant:
    """What a valid API key, or a token made from it, allows."""

    key_id: UUID
    user_id: UUID
    name: str  # of its owner
    scopes: frozenset[Scope]  # with AUDIT where the owner may audit now
    expires_at: datetime | None  # of the key, or of the token
    role: Role | None = None  # of its owner; None in a token
    is_token: bool = False  # the key itself was not looked up


@dataclass(frozen=True)
class KeyRow:
    """What is stored of a key beside the log, except its hash."""

    id: UUID
    number: int  # a small id, for contracts that want one
    name: str
    prefix: str  # the part of its text that may be displayed
    last_used_at: datetime | None


class KeyRows(Protocol):
    """Texts of API keys. Only a hash of each is stored. All methods raise `Unavailable`."""

    async def issue(self, id: UUID, owner_id: UUID, name: str) -> str:
        """Return a new text for this key. It cannot be read again."""
        ...

    async def find(self, text: str) -> UUID | None:
        """Return the key with this text, or None. Takes the same steps in both cases."""
        ...

    async def record_use(self, id: UUID, now: datetime) -> None:
        """Store that the key was used at `now`, at most once a minute."""
        ...

    async def describe(self, ids: Sequence[UUID]) -> dict[UUID, KeyRow]:
        """Return what is stored of these keys. Deleted ones are left out."""
        ...

    async def find_by_number(self, owner_id: UUID, number: int) -> UUID | None:
        """Return the owner's key with this small id, or None."""
        ...

    async def forget(self, id: UUID) -> None:
        """Delete what is stored of the key."""
        ...


class Tokens(Protocol):
    """Short-lived signed tokens that carry their grant."""

    async def issue(self, grant: Grant) -> tuple[str, int]:
        """Return a token and its lifetime in seconds. Raises `Unavailable`."""
        ...

    async def verify(self, token: str) -> Grant | None:
        """Return the token's grant if Tenure signed it and it has not expired.

        Needs no query, unless its key is unknown; raises `Unavailable` if keys cannot be read then.
        """
        ...

    async def public_keys(self) -> list[dict[str, Any]]:
        """Return the public halves of the signing keys, as JWKs (RFC 7517). Raises `Unavailable`."""
        ...
