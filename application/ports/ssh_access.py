"""Who may log in to a machine over SSH."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Admission:
    """A guest's account on a machine. A call with a lower `version` than an earlier one has no effect."""

    guest_id: UUID
    version: int
    user: str  # the account's name
    pub_key: str  # one line, as in authorized_keys


class SshAccess(Protocol):
    """The SSH accounts of machines. Every call converges: made twice, it has the effect of one.

    All raise `Unavailable` while the machine does not answer, and `EngineRefused` where it refuses for good.
    """

    async def give_key(self, workspace_id: UUID, user: str, pub_key: str) -> None:
        """Let the holder log in as `user`, the image's own account, with this key; it replaces the one given before."""
        ...

    async def admit(self, workspace_id: UUID, admission: Admission) -> None:
        """Give the guest an account of that name, which exactly this key opens. `EngineRefused`: the name is taken."""
        ...

    async def is_used(self, workspace_id: UUID) -> bool:
        """Whether somebody is logged in now, as far as can be seen from outside."""
        ...

    async def revoke(self, workspace_id: UUID, guest_id: UUID, version: int) -> None:
        """Remove the guest's key, then end their processes, then remove the account."""
        ...
