"""The tables `invite_tokens` and `invite_notes`: the hash of each invite's token, and what its creator wrote about it.

A note may name people, so it is a row, which is deleted with its creator.
"""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from infra.postgres.rows import fetch_all
from infra.tables.logins import hash_token

DDL = """
create table if not exists invite_tokens (
    token_hash bytea primary key,
    invite_id uuid not null
);
create table if not exists invite_notes (
    invite_id uuid primary key,
    user_id uuid not null,
    note text not null
);
"""
TOKEN_BYTES = 12  # 16 characters of base64


class InviteTokenRows:
    """The `InviteTokens` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def issue(self, invite_id: UUID) -> str:
        """Return a new token for this invite."""
        token = token_urlsafe(TOKEN_BYTES)
        sql = "insert into invite_tokens (token_hash, invite_id) values (%s, %s)"
        await fetch_all(self._pool, sql, (hash_token(token), invite_id))
        return token

    async def find(self, token: str) -> UUID | None:
        """Return the invite of this token, or None."""
        sql = "select invite_id from invite_tokens where token_hash = %s"
        rows = await fetch_all(self._pool, sql, (hash_token(token),))
        return rows[0][0] if rows else None

    async def add_note(self, invite_id: UUID, user_id: UUID, note: str) -> None:
        """Store the note of the user who makes this invite."""
        sql = "insert into invite_notes values (%s, %s, %s) on conflict do nothing"
        await fetch_all(self._pool, sql, (invite_id, user_id, note))

    async def notes(self, invite_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return the notes of these invites. Those without one are left out."""
        sql = "select invite_id, note from invite_notes where invite_id = any(%s)"
        return dict(await fetch_all(self._pool, sql, (list(invite_ids),)))
