"""Passwords of instructors, and of accounts of virtual machines."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol
from uuid import UUID


class Passwords(Protocol):
    """What people prove with that they are who they say; kept are slow hashes."""

    async def has(self, user_id: UUID) -> bool: ...

    async def keep(self, user_id: UUID, password: str) -> bool:
        """Whether it is theirs now: not where they have one."""
        ...

    async def check(self, user_id: UUID | None, password: str) -> bool:
        """Whether it is theirs. That takes as long for nobody, and for a wrong one."""
        ...


class VmPasswords(Protocol):
    """Kept are hashes, under ids of which the log tells the one that counts."""

    async def keep(self, id: UUID, vm: UUID, password: str) -> None: ...

    async def check(self, id: UUID, password: str) -> bool: ...

    async def forget(self, vm: UUID, but: UUID | None = None) -> None:
        """All of a machine, but that one."""
        ...

    async def forget_strays(self, known: Collection[UUID]) -> None:
        """Those of machines that never came to be; they were kept a while ago, and these machines are all there are."""
        ...
