"""The table `learners`: sealed names and reconnect codes, for as long as the workshop runs.

A learner is found by a keyed hash of the code. Codes are so short that a plain hash could be reversed by trying all.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from application.ports.workshops import Learner
from infra.postgres.rows import fetch_all
from infra.tables.seal import Seal

DDL = """
create table if not exists learners (
    id uuid primary key,
    workshop_id uuid not null,
    name bytea not null,
    odehash bytea not null,
    odehash_hash bytea not null,
    unique (workshop_id, odehash_hash)
);
"""
ADD = """
insert into learners (id, workshop_id, name, odehash, odehash_hash) values (%s, %s, %s, %s, %s)
on conflict do nothing returning id
"""
FIND = "select id from learners where workshop_id = %s and odehash_hash = %s"
DESCRIBE = "select id, workshop_id, name, odehash from learners where id = any(%s)"


class LearnerRows:
    """The `Learners` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any], seal: Seal, secret: str) -> None:
        self._pool, self._seal, self._secret = pool, seal, secret.encode()

    async def add(self, learner: Learner) -> bool:
        """Store the learner. Returns False if another one of the workshop has the same reconnect code."""
        sealed = (self._seal.close(text.encode()) for text in (learner.name, learner.odehash))
        hash = self._hash(learner.workshop_id, learner.odehash)
        return bool(await fetch_all(self._pool, ADD, (learner.id, learner.workshop_id, *sealed, hash)))

    async def find(self, workshop_id: UUID, odehash: str) -> UUID | None:
        """Return the learner of this workshop with this reconnect code, or None."""
        rows = await fetch_all(self._pool, FIND, (workshop_id, self._hash(workshop_id, odehash)))
        return rows[0][0] if rows else None

    async def describe(self, ids: Sequence[UUID]) -> dict[UUID, Learner]:
        """Return these learners. Deleted ones are left out."""
        rows = await fetch_all(self._pool, DESCRIBE, (list(ids),))
        return {
            id: Learner(id, workshop_id, self._unseal(name), self._unseal(code)) for id, workshop_id, name, code in rows
        }

    async def forget(self, ids: Sequence[UUID]) -> None:
        """Delete these learners."""
        await fetch_all(self._pool, "delete from learners where id = any(%s)", (list(ids),))

    async def forget_workshop(self, workshop_id: UUID) -> None:
        """Delete all learners of the workshop."""
        await fetch_all(self._pool, "delete from learners where workshop_id = %s", (workshop_id,))

    def _unseal(self, sealed: bytes) -> str:
        """Return the text, or "" if it was sealed with another secret."""
        return (self._seal.open(bytes(sealed)) or b"").decode()

    def _hash(self, workshop_id: UUID, odehash: str) -> bytes:
        return hmac.digest(self._secret, workshop_id.bytes + odehash.encode(), sha256)
