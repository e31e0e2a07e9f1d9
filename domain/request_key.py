"""An Idempotency-Key that was used: the request under it, and what was created.

The aggregate's id follows from the user and the key, and it is stored in the same commit as what was created. Of two
requests under one key, only one can be stored.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Conflict, Invalid

MAX_KEY_CHARS = 255


class RequestKey(aggregate.Aggregate):
    """An idempotency key of one caller: the same request under it answers the same workspace."""

    class Used(aggregate.Aggregate.Created):
        """A workspace was requested under this key."""

        owner_id: UUID
        fingerprint: str  # SHA-256 of what was asked, in hex
        subject_id: UUID

    @staticmethod
    def id_of(owner_id: UUID, key: str) -> UUID:
        """The id for this key of this user. Raises `Invalid` if the key is blank, too long or not printable."""
        if not key.strip() or len(key) > MAX_KEY_CHARS or not key.isprintable():
            raise Invalid(f"Idempotency-Key must be 1 to {MAX_KEY_CHARS} printable characters")
        return uuid5(owner_id, f"request-key:{key}")

    @event(Used)
    def __init__(self, id: UUID, at: datetime, owner_id: UUID, fingerprint: str, subject_id: UUID) -> None:
        self._id = id
        self.owner_id, self.fingerprint, self.subject_id = owner_id, fingerprint, subject_id

    def subject_of(self, fingerprint: str) -> UUID:
        """The id of what this request created. Raises `Conflict` if the key was used for another request."""
        if fingerprint != self.fingerprint:
            raise Conflict("this Idempotency-Key was used for another request; use a new key for a new request")
        return self.subject_id
