"""One-time links that make somebody the owner of the installation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID


class OwnerLinks(Protocol):
    """Tokens of one-time links. Only a hash is stored, of one link at a time. All methods raise `Unavailable`."""

    async def issue(self, now: datetime, lasts: timedelta) -> str:
        """Return the token of a new link, which replaces every earlier one."""
        ...

    async def find(self, token: str, now: datetime) -> UUID | None:
        """Return the id of the link with this token, or None. The link stays good."""
        ...

    async def take(self, id: UUID, now: datetime) -> bool:
        """Use the link up. Returns False for one that is used, replaced or over, and for any other id."""
        ...
