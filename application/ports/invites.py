"""Which invite a token stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


class InviteTokens(Protocol):
    """Which invite a token stands for; only its hash is kept."""

    async def issue(self, invite_id: UUID) -> str:
        """A new token: 16 characters that need no quoting in a URL."""
        ...

    async def find(self, token: str) -> UUID | None: ...


@dataclass(frozen=True)
class Invitation:
    """That somebody came with an invite. `id` None: its token stands for none."""

    id: UUID | None
