"""The table `api_key_rows`: the hash of each API key's text, its name and its last use.

A text is `tnr_`, 8 characters that may be displayed, `_`, and 256 random bits. For a secret with so much entropy a
plain SHA-256 is enough: nobody can try all texts, however fast the hash is. Keys are found by the hash, so that the
query is the same whether or not the visible part is that of a key.
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
from infra.tables.logins import hash_token

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
RECORD_USE = """
update api_key_rows set last_used_at = %(now)s
where id = %(id)s and (last_used_at is null or last_used_at <= %(before)s)
"""
RECORD_INTERVAL = timedelta(minutes=1)  # between writes of one key's last use
NO_HASH = bytes(32)


class ApiKeyRows:
    """The `KeyRows` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def issue(self, id: UUID, owner_id: UUID, name: str) -> str:
        """Return a new text for this key. It cannot be read again."""
        prefix = MARK + token_hex(4)
        text = f"{prefix}_{token_urlsafe(32)}"
        await fetch_all(self._pool, ISSUE, (id, owner_id, name, prefix, hash_token(text)))
        return text

    async def find(self, text: str) -> UUID | None:
        """Return the key with this text, or None. Takes the same steps in both cases."""
        hash = hash_token(text)
        rows = await fetch_all(self._pool, "select id, hash from api_key_rows where hash = %s", (hash,))
        id, stored_hash = rows[0] if rows else (None, NO_HASH)
        return id if compare_digest(bytes(stored_hash), hash) else None

    async def record_use(self, id: UUID, now: datetime) -> None:
        """Store that the key was used at `now`, at most once a minute."""
        await fetch_all(self._pool, RECORD_USE, {"id": id, "now": now, "before": now - RECORD_INTERVAL})

    async def describe(self, ids: Sequence[UUID]) -> dict[UUID, KeyRow]:
        """Return what is stored of these keys. Deleted ones are left out."""
        return {row[0]: KeyRow(*row) for row in await fetch_all(self._pool, DESCRIBE, (list(ids),))}

    async def find_by_number(self, owner_id: UUID, number: int) -> UUID | None:
        """Return the owner's key with this small id, or None."""
        sql = "select id from api_key_rows where user_id = %s and number = %s"
        rows = await fetch_all(self._pool, sql, (owner_id, number))
        return rows[0][0] if rows else None

    async def forget(self, id: UUID) -> None:
        """Delete what is stored of the key."""
        await fetch_all(self._pool, "delete from api_key_rows where id = %s", (id,))
