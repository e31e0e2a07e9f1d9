"""What users hold, as far as quotas limit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.quota_defaults import Kind


@dataclass(frozen=True)
class Holding:
    """A thing that counts against its holder's quota, also while it is being created."""

    id: UUID
    amount: int  # how many it counts for: a workshop counts for its seats
    reserved_at: datetime


class Holdings(Protocol):
    """What each user holds. Rows beside the log: a row whose thing has ended stays until it is looked for.

    All methods raise `Unavailable`.
    """

    async def reserve(self, user_id: UUID, kind: Kind, id: UUID, amount: int, limit: int) -> bool:
        """Add a holding, or return False if there would be more than the limit. Atomic, also between processes."""
        ...

    async def release(self, ids: Sequence[UUID]) -> None:
        """Remove holdings."""
        ...

    async def list_held(self, user_id: UUID, kind: Kind) -> list[Holding]:
        """All holdings of one kind."""
        ...
