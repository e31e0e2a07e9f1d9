"""What API keys and tokens need from the world: ports, as in `application.ports`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from domain.role import Role
from domain.scope import Scope

MARK = "tnr_"  # what every key's text begins with, so that it can be told from a token, and found where it leaked


@dataclass(frozen=True)
class Grant:
    """What a good key, or a token made from it, stands for."""

    key_id: UUID
    user_id: UUID
    name: str  # of its owner
    scopes: frozenset[Scope]  # with AUDIT where the owner may audit now
    expires_at: datetime | None  # of the key
    role: Role | None = None  # of its owner; a token does not tell


@dataclass(frozen=True)
class KeyRow:
    """What is kept of a key beside the log, but for its hash."""

    id: UUID
    number: int  # a small id, for contracts that want one
    name: str
    prefix: str  # the part of its text that may be shown
    last_used_at: datetime | None


class KeyRows(Protocol):
    """Which key a text is; only its hash is kept."""

    async def issue(self, id: UUID, owner_id: UUID, name: str) -> str:
        """A new text, told once."""
        ...

    async def find(self, text: str) -> UUID | None:
        """The key that has this text, in the same steps whether or not there is one."""
        ...

    async def used(self, id: UUID, now: datetime) -> None:
        """Somebody came with it. Written down at most once a minute."""
        ...

    async def described(self, ids: Sequence[UUID]) -> dict[UUID, KeyRow]:
        """Those that are gone are left out."""
        ...

    async def numbered(self, owner_id: UUID, number: int) -> UUID | None:
        """The key with this small id, among those of its owner."""
        ...

    async def forget(self, id: UUID) -> None: ...


class Tokens(Protocol):
    """Short-lived tokens that say by themselves whom they stand for."""

    async def issue(self, grant: Grant) -> tuple[str, int]:
        """A token, and in how many seconds it ends."""
        ...

    async def verify(self, token: str) -> Grant | None:
        """What it stands for, if we signed it and it has not ended. Nothing is looked up for that."""
        ...

    async def published(self) -> list[dict[str, Any]]:
        """The public halves of the keys that tokens are signed with, as JWKs."""
        ...
