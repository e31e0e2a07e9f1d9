"""The table `owner_links`: the hash of the one link that makes somebody the owner of the installation."""

from __future__ import annotations

from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from infra.postgres.rows import fetch_all
from infra.tables.logins import hash_token

DDL = """
create table if not exists owner_links (
    singleton boolean primary key default true check (singleton),
    id uuid not null default gen_random_uuid(),
    token_hash bytea not null,
    expires_at timestamptz not null
);
"""
ISSUE = """
insert into owner_links (token_hash, expires_at) values (%s, %s)
on conflict (singleton) do update set
    id = excluded.id, token_hash = excluded.token_hash, expires_at = excluded.expires_at
"""


class OwnerLinkRows:
    """The `OwnerLinks` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def issue(self, now: datetime, lasts: timedelta) -> str:
        """Return the token of a new link, which replaces every earlier one."""
        token = token_urlsafe(32)
        await fetch_all(self._pool, ISSUE, (hash_token(token), now + lasts))
        return token

    async def find(self, token: str, now: datetime) -> UUID | None:
        """Return the id of the link with this token, or None. The link stays good."""
        sql = "select id from owner_links where token_hash = %s and expires_at > %s"
        rows = await fetch_all(self._pool, sql, (hash_token(token), now))
        return rows[0][0] if rows else None

    async def take(self, id: UUID, now: datetime) -> bool:
        """Use the link up. Returns False for one that is used, replaced or over, and for any other id."""
        sql = "delete from owner_links where id = %s and expires_at > %s returning id"
        return bool(await fetch_all(self._pool, sql, (id, now)))
