"""Passwords of instructors, and of private virtual machines.

Hashing is slow, and waits in a queue in which sources take turns: `source` is the address or the user of a request. All
methods that hash raise `Unavailable` while too many wait.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol
from uuid import UUID


class Passwords(Protocol):
    """Passwords of instructors, stored as slow hashes. All methods raise `Unavailable`."""

    async def has_password(self, user_id: UUID) -> bool:
        """Return whether the user has a password."""
        ...

    async def add(self, user_id: UUID, password: str, source: str) -> bool:
        """Store the password. Returns False, and stores nothing, if the user has one already."""
        ...

    async def verify(self, user_id: UUID | None, password: str, source: str) -> bool:
        """Return whether this is the user's password. Takes as long for a missing user or password as for any other."""
        ...


class VmPasswords(Protocol):
    """Passwords of private virtual machines, stored as slow hashes. The log says which id is in force.

    All methods raise `Unavailable`.
    """

    async def store(self, id: UUID, vm: UUID, password: str, source: str) -> None:
        """Store a password of the machine under this id, beside those of before."""
        ...

    async def verify(self, id: UUID, password: str, source: str) -> bool:
        """Return whether this is the password with this id."""
        ...

    async def forget(self, vm: UUID, except_id: UUID | None = None) -> None:
        """Delete all passwords of the machine, but the one with `except_id`."""
        ...

    async def forget_strays(self, existing: Collection[UUID]) -> None:
        """Delete passwords stored over an hour ago for machines that are not among the existing ones."""
        ...
