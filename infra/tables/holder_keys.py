"""The table `holder_keys`: the public key with which the holder of a machine logs in to it.

`infra.tables.join_requests` deletes the rows of a session that has ended.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from infra.postgres.rows import fetch_all

DDL = """
create table if not exists holder_keys (
    workspace_id uuid primary key,
    session_id uuid not null,
    user_id uuid not null,
    pub_key text not null
);
create index if not exists holder_keys_session on holder_keys (session_id);
"""


class HolderKeyRows:
    """The `HolderKeys` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def store(self, workspace_id: UUID, session_id: UUID, user_id: UUID, pub_key: str) -> None:
        """Store the key."""
        sql = "insert into holder_keys (workspace_id, session_id, user_id, pub_key) values (%s, %s, %s, %s)"
        await fetch_all(self._pool, sql, (workspace_id, session_id, user_id, pub_key))

    async def find(self, workspace_id: UUID) -> str | None:
        """Return the key of the machine's holder, or None."""
        sql = "select pub_key from holder_keys where workspace_id = %s"
        rows = await fetch_all(self._pool, sql, (workspace_id,))
        return rows[0][0] if rows else None
