"""Tokens of invites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


class InviteTokens(Protocol):
    """Tokens of invites. Only a hash of each is stored. Both methods raise `Unavailable`."""

    async def issue(self, invite_id: UUID) -> str:
        """Return a new token for this invite: 16 characters that need no quoting in a URL."""
        ...

    async def find(self, token: str) -> UUID | None:
        """Return the invite of this token, or None."""
        ...


@dataclass(frozen=True)
class Invitation:
    """The invite that a person came with. `id` is None if their token is not that of any invite."""

    id: UUID | None
