"""Which API key a text is. A text is told once; what is kept is its hash, and what people call it.

A text is `tnr_`, 8 characters that may be shown, `_`, and 256 random bits. Of a secret with that much chance in it a
plain SHA-256 is enough: nobody can try them all, however fast the hash is. It is looked up by its hash, so that what
is asked of the database is the same whether or not the visible part is that of a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hmac import compare_digest
from secrets import token_hex, token_urlsafe
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from application.ports.api_keys import MARK, KeyRow
from infra.postgres.rows import fetch_all
from infra.tables.logins import hashed

DDL = """
create table if not exists api_key_rows (
    id uuid primary key,
    number bigint generated always as identity unique,
    user_id uuid not null,
    name text not null,
    prefix text not null,
    hash bytea not null unique,
    last_used_at timestamptz
);
create index if not exists api_key_rows_user on api_key_rows (user_id, number);
"""
ISSUE = "insert into api_key_rows (id, user_id, name, prefix, hash) values (%s, %s, %s, %s, %s)"
DESCRIBE = "select id, number, name, prefix, last_used_at from api_key_rows where id = any(%s)"
USED = """
update api_key_rows set last_used_at = %(now)s
where id = %(id)s and (last_used_at is null or last_used_at <= %(before)s)
"""
WRITTEN = timedelta(minutes=1)  # how old the last use may be before it is written down anew
NO_HASH = bytes(32)


class ApiKeyRows:
    """The `KeyRows` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def issue(self, id: UUID, owner_id: UUID, name: str) -> str:
        prefix = MARK + token_hex(4)
        text = f"{prefix}_{token_urlsafe(32)}"
        await fetch_all(self._pool, ISSUE, (id, owner_id, name, prefix, hashed(text)))
        return text

    async def find(self, text: str) -> UUID | None:
        wanted = hashed(text)
        rows = await fetch_all(self._pool, "select id, hash from api_key_rows where hash = %s", (wanted,))
        id, kept = rows[0] if rows else (None, NO_HASH)
        return id if compare_digest(bytes(kept), wanted) else None

    async def used(self, id: UUID, now: datetime) -> None:
        await fetch_all(self._pool, USED, {"id": id, "now": now, "before": now - WRITTEN})

    async def described(self, ids: Sequence[UUID]) -> dict[UUID, KeyRow]:
        return {row[0]: KeyRow(*row) for row in await fetch_all(self._pool, DESCRIBE, (list(ids),))}

    async def numbered(self, owner_id: UUID, number: int) -> UUID | None:
        sql = "select id from api_key_rows where user_id = %s and number = %s"
        rows = await fetch_all(self._pool, sql, (owner_id, number))
        return rows[0][0] if rows else None

    async def forget(self, id: UUID) -> None:
        await fetch_all(self._pool, "delete from api_key_rows where id = %s", (id,))
