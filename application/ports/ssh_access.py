"""Who may log in to a machine, from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Admission:
    """A guest as a machine knows them. What is asked with a lower `version` than before comes too late."""

    guest_id: UUID
    version: int
    user: str
    pub_key: str


class Doors(Protocol):
    """The SSH servers of machines. Every call converges; all raise `Unavailable` and `EngineRefused`."""

    async def give_key(self, workspace_id: UUID, user: str, pub_key: str) -> None:
        """The holder's own key opens the machine, for the account that its image has for them."""
        ...

    async def admit(self, workspace_id: UUID, admission: Admission) -> None:
        """The guest has an account of that name, and exactly this key opens it. `EngineRefused`: the name is taken."""
        ...

    async def is_used(self, workspace_id: UUID) -> bool:
        """Whether somebody is logged in now, as far as can be seen from outside."""
        ...

    async def dismiss(self, workspace_id: UUID, guest_id: UUID, version: int) -> None:
        """The guest's key goes first, then their processes end, then the account goes."""
        ...
