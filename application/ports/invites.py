"""Tokens of invites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


class InviteTokens(Protocol):
    """Tokens of invites. Only a hash of each is stored. All methods raise `Unavailable`."""

    async def issue(self, invite_id: UUID) -> str:
        """Return a new token for this invite: 16 characters that need no quoting in a URL."""
        ...

    async def find(self, token: str) -> UUID | None:
        """Return the invite of this token, or None."""
        ...

    async def add_note(self, invite_id: UUID, user_id: UUID, note: str) -> None:
        """Store the note of the user who makes this invite. It is deleted with the user."""
        ...

    async def notes(self, invite_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return the notes of these invites. Those without one are left out."""
        ...


@dataclass(frozen=True)
class Invitation:
    """The invite that a person came with. `id` is None if their token is not that of any invite."""

    id: UUID | None
