"""Claims by their holder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class HeldClaim:
    """A claim that a user holds, or has held until just now."""

    id: UUID
    on_terminal: bool  # else it is a turn at the console of a virtual machine


class HeldClaims(Protocol):
    """Finds the claims of a user."""

    async def held_by(self, user_id: UUID) -> list[HeldClaim]:
        """Return every claim that the user holds according to what is acknowledged. Raises `Unavailable`."""
        ...
