"""The table `workshop_keys`: the sealed API key of each workshop, for as long as it exists."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from application.ports.errors import Unavailable
from infra.postgres.rows import fetch_all
from infra.tables.seal import Seal

DDL = """
create table if not exists workshop_keys (
    workshop_id uuid primary key,
    sealed bytea not null
);
"""
STORE = """
insert into workshop_keys (workshop_id, sealed) values (%s, %s)
on conflict (workshop_id) do update set sealed = excluded.sealed
"""


class WorkshopKeyRows:
    """The `WorkshopKeys` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any], seal: Seal, shared_secret: bool) -> None:
        """`shared_secret`: every process of this installation can open what this one seals."""
        self._pool, self._seal, self._shared_secret = pool, seal, shared_secret

    async def store(self, workshop_id: UUID, api_key: str) -> None:
        """Store the key. Raises `Unavailable`, also where the process that makes machines could not unseal it."""
        if not self._shared_secret:
            raise Unavailable("seal", "workshops need TENURE_SEALING_SECRET where API and workers are apart", 60)
        await fetch_all(self._pool, STORE, (workshop_id, self._seal.close(api_key.encode())))

    async def find(self, workshop_id: UUID) -> str | None:
        """Return the key, or None. Raises `Unavailable`, also if it was sealed with another secret."""
        rows = await fetch_all(self._pool, "select sealed from workshop_keys where workshop_id = %s", (workshop_id,))
        if not rows:
            return None
        if (plain := self._seal.open(bytes(rows[0][0]))) is None:
            raise Unavailable("seal", "the workshop's API key was sealed with another TENURE_SEALING_SECRET", 60)
        return plain.decode()

    async def forget(self, workshop_id: UUID) -> None:
        """Delete the key."""
        await fetch_all(self._pool, "delete from workshop_keys where workshop_id = %s", (workshop_id,))
