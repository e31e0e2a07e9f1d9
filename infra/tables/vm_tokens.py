"""The table `vm_tokens`: login tokens of VM accounts, each valid while its row exists."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from infra.postgres.rows import fetch_all

DDL = """
create table if not exists vm_tokens (
    id uuid primary key,
    user_id uuid not null,
    expires_at timestamptz not null
);
create index if not exists vm_tokens_user on vm_tokens (user_id);
create index if not exists vm_tokens_expires on vm_tokens (expires_at);
"""
# `for share` waits for a change of the password under way: no token is issued for the old one afterwards.
ADD = """
with over as (delete from vm_tokens where expires_at <= %(now)s)
, fits as (select user_id from passwords where user_id = %(user_id)s and hash = %(password_hash)s for share)
insert into vm_tokens (id, user_id, expires_at) select %(id)s, user_id, %(until)s from fits returning id
"""
FIND_VALID = "select user_id from vm_tokens where id = %s and expires_at > %s"


class VmTokenRows:
    """The rows of the tokens that `infra.auth.vm_tokens` signs. All methods raise `Unavailable`."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def add(self, id: UUID, user_id: UUID, password_hash: str, now: datetime, until: datetime) -> bool:
        """Store a token that is valid until then. Returns False if the user's password has another hash."""
        params = {"id": id, "user_id": user_id, "password_hash": password_hash, "now": now, "until": until}
        return bool(await fetch_all(self._pool, ADD, params))

    async def find_user(self, id: UUID, now: datetime) -> UUID | None:
        """Return the user of a valid token; None for any other."""
        rows = await fetch_all(self._pool, FIND_VALID, (id, now))
        return rows[0][0] if rows else None

    async def delete(self, id: UUID) -> None:
        """Make the token invalid."""
        await fetch_all(self._pool, "delete from vm_tokens where id = %s", (id,))
