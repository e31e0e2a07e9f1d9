"""What hosted sessions need from the world, beside their machines. `infra/` provides it.

What people asked with (public keys, names, addresses) are rows: they go when the session goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


class Aliases(Protocol):
    """A new alias: two words and a number, such as one can say over a telephone. It may be taken."""

    def __call__(self) -> str: ...


class PublicKeys(Protocol):
    def __call__(self, text: str) -> str:
        """The one SSH public key that the text is: its type and its base64. `Invalid` with what is wrong with it."""
        ...


@dataclass(frozen=True)
class JoinRequest:
    """What somebody asked with, once."""

    joiner_id: UUID
    guest_id: UUID
    session_id: UUID
    user_id: UUID
    pub_key: str
    vm_user: str  # what they would like to be called on the machine
    client_ip: str
    region: str
    until: datetime


class JoinRequests(Protocol):
    async def keep(self, request: JoinRequest, now: datetime, most: int) -> None:
        """Instead of what the same guest asked before. Raises `TooMany` where so many others wait for the session."""
        ...

    async def find(self, joiner_ids: Sequence[UUID]) -> dict[UUID, JoinRequest]:
        """Those that are not forgotten."""
        ...

    async def admit(self, joiner_id: UUID, admission_id: UUID, vm_user: str) -> None:
        """Keep, under that id, what the owner would have them called. They wait no more."""
        ...

    async def admitted_as(self, admission_id: UUID) -> str | None: ...

    async def guests(self, session_id: UUID) -> list[UUID]:
        """Everybody who ever asked, and is not forgotten."""
        ...

    async def forget(self, joiner_id: UUID) -> None: ...

    async def forget_session(self, session_id: UUID) -> None:
        """All of it, with the holder's key."""
        ...


class HolderKeys(Protocol):
    """The public key with which somebody logs in to a machine that they hold."""

    async def keep(self, workspace_id: UUID, session_id: UUID, user_id: UUID, pub_key: str) -> None: ...

    async def find(self, workspace_id: UUID) -> str | None: ...
