"""What hosted sessions need beside their machines: aliases, public keys and the requests to join.

Public keys, names and addresses are rows, which are deleted with the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


class Aliases(Protocol):
    """Makes aliases of sessions."""

    def __call__(self) -> str:
        """Return a new alias, two words and a number that are easy to read out. It may be in use already."""
        ...


class PublicKeys(Protocol):
    """Validates SSH public keys."""

    def __call__(self, text: str) -> str:
        """Return the type and the base64 of the one SSH public key in `text`. Raises `Invalid`."""
        ...


@dataclass(frozen=True)
class JoinRequest:
    """One request to join a hosted session."""

    joiner_id: UUID
    guest_id: UUID
    session_id: UUID
    user_id: UUID
    pub_key: str
    vm_user: str  # the name of the account that they ask for
    client_ip: str
    region: str
    until: datetime


class JoinRequests(Protocol):
    """Requests to join hosted sessions. All methods raise `Unavailable`."""

    async def add(self, request: JoinRequest, now: datetime, max_waiting: int) -> None:
        """Store the request instead of earlier ones of the same guest that wait.

        Raises `TooMany` if `max_waiting` other guests wait for the session.
        """
        ...

    async def find(self, joiner_ids: Sequence[UUID]) -> dict[UUID, JoinRequest]:
        """Return these requests by their joiner's id. Deleted ones are left out."""
        ...

    async def admit(self, joiner_id: UUID, admission_id: UUID, vm_user: str) -> None:
        """Store under `admission_id` the name of the account that the owner approved. The joiner no longer waits."""
        ...

    async def admitted_user(self, admission_id: UUID) -> str | None:
        """Return the name of the account that was approved, or None."""
        ...

    async def list_guests(self, session_id: UUID) -> list[UUID]:
        """Return everybody who ever asked to join the session."""
        ...

    async def forget(self, joiner_id: UUID) -> None:
        """Delete the request and its approval."""
        ...

    async def forget_session(self, session_id: UUID) -> None:
        """Delete everything about the session, the holder's key included."""
        ...


class HolderKeys(Protocol):
    """The public key with which the holder of a machine logs in to it. Both methods raise `Unavailable`."""

    async def store(self, workspace_id: UUID, session_id: UUID, user_id: UUID, pub_key: str) -> None:
        """Store the key."""
        ...

    async def find(self, workspace_id: UUID) -> str | None:
        """Return the key of the machine's holder, or None."""
        ...
