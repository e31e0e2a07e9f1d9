"""Who sits in workshops: their names and reconnect codes, sealed, for as long as the workshop runs.

A code is found again by a keyed hash: it is so short that whoever had a plain hash could try them all.
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
KEEP = """
insert into learners (id, workshop_id, name, odehash, odehash_hash) values (%s, %s, %s, %s, %s)
on conflict do nothing returning id
"""
FIND = "select id from learners where workshop_id = %s and odehash_hash = %s"
DESCRIBED = "select id, workshop_id, name, odehash from learners where id = any(%s)"


class LearnerRows:
    """The `Learners` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any], seal: Seal, secret: str) -> None:
        self._pool, self._seal, self._secret = pool, seal, secret.encode()

    async def keep(self, learner: Learner) -> bool:
        sealed = (self._seal.close(text.encode()) for text in (learner.name, learner.odehash))
        found_by = self._hashed(learner.workshop_id, learner.odehash)
        return bool(await fetch_all(self._pool, KEEP, (learner.id, learner.workshop_id, *sealed, found_by)))

    async def find(self, workshop_id: UUID, odehash: str) -> UUID | None:
        rows = await fetch_all(self._pool, FIND, (workshop_id, self._hashed(workshop_id, odehash)))
        return rows[0][0] if rows else None

    async def described(self, ids: Sequence[UUID]) -> dict[UUID, Learner]:
        rows = await fetch_all(self._pool, DESCRIBED, (list(ids),))
        return {id: Learner(id, of, self._opened(name), self._opened(code)) for id, of, name, code in rows}

    async def forget(self, ids: Sequence[UUID]) -> None:
        await fetch_all(self._pool, "delete from learners where id = any(%s)", (list(ids),))

    async def forget_workshop(self, workshop_id: UUID) -> None:
        await fetch_all(self._pool, "delete from learners where workshop_id = %s", (workshop_id,))

    def _opened(self, sealed: bytes) -> str:
        """ "" where another secret has sealed it."""
        return (self._seal.open(bytes(sealed)) or b"").decode()

    def _hashed(self, workshop_id: UUID, odehash: str) -> bytes:
        return hmac.digest(self._secret, workshop_id.bytes + odehash.encode(), sha256)
