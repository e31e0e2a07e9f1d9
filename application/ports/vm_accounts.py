"""Accounts of virtual machines: rows beside the log, and their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


class Numbers(Protocol):
    """A new snowflake: a number of 63 bits that nobody here was given before, and that is larger than older ones."""

    async def __call__(self) -> int: ...


@dataclass(frozen=True)
class Described:
    """What is kept of an account beside the log, but for its secrets."""

    name: str
    ban_reason: str | None


class AccountRows(Protocol):
    """Names, passwords and reasons. Rows, so that they can be forgotten. A `proof` is what stands for a password.

    What is given back where one was good is the hash that it fits: with it, and only while it stands, tokens are made.
    """

    async def open(self, user_id: UUID, username: str, proof: str) -> str | None:
        """Keep them; None where somebody has that name."""
        ...

    async def find(self, username: str) -> UUID | None:
        """Whose name this is."""
        ...

    async def stale(self, user_id: UUID, now: datetime) -> bool:
        """Whether they were kept so long ago that whoever did it has an account by now, or never will."""
        ...

    async def prove(self, user_id: UUID | None, proof: str) -> str | None:
        """The hash that this fits. That takes as long for nobody, and for a wrong one."""
        ...

    async def change(self, user_id: UUID, proof: str, but: UUID | None) -> bool:
        """Another password, and the end of all tokens but one. Whether they have one that can be changed."""
        ...

    async def described(self, user_ids: Sequence[UUID]) -> dict[UUID, Described]: ...

    async def come_otherwise(self, user_id: UUID) -> bool:
        """Whether they are known by another door, too."""
        ...

    async def forget(self, user_id: UUID) -> None:
        """What is kept of them here, and not what other doors know."""
        ...

    async def keep_reason(self, user_id: UUID, reason: str | None) -> None:
        """Why they are banned; None: that is not said."""
        ...


class VmTokens(Protocol):
    """Tokens of who has logged in: signed, and good for as long as their row is there."""

    async def issue(self, user_id: UUID, number: int, fits: str, now: datetime) -> str | None:
        """A new one; None where the password that it is for is another one by now."""
        ...

    async def find(self, token: str, now: datetime) -> tuple[UUID, UUID] | None:
        """Whose it is, and its id, if it is still good."""
        ...

    async def good(self, token_id: UUID, now: datetime) -> bool: ...

    async def end(self, token_id: UUID) -> None: ...
