"""Names, passwords and reasons of bans, of accounts for virtual machines: rows, which go with the account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ports.vm_accounts import Described
from domain.username import fold_username
from infra.postgres.rows import fetch_all
from infra.tables.passwords import PasswordRows, hashing
from interfaces.http.identity import SCHEME as HEADERS
from projections.query import run_query

SCHEME = "neptuned"  # the identities of people who registered for virtual machines
DDL = """
create table if not exists vm_bans (
    user_id uuid primary key,
    reason text not null
);
"""
NAME = "insert into identities (scheme, subject, user_id) values (%s, %s, %s) on conflict do nothing returning user_id"
REASON = "insert into vm_bans values (%s, %s) on conflict (user_id) do update set reason = excluded.reason"
DESCRIBED = """
select it.user_id, coalesce(profiles.name, identities.subject, ''), vm_bans.reason
from unnest(%s::uuid[]) it (user_id)
    left join profiles using (user_id)
    left join identities on identities.user_id = it.user_id and identities.scheme = %s
    left join vm_bans on vm_bans.user_id = it.user_id
"""
GIVEN_UP = timedelta(minutes=1)  # after which a name whose account is not there will have none


class VmAccountRows(PasswordRows):
    """The `AccountRows` port on PostgreSQL. Passwords are in the same table as those of instructors, of other users."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        super().__init__(pool)

    async def open(self, user_id: UUID, username: str, proof: str) -> str | None:
        hashed = await hashing(self._hasher.hash, proof)

        async def opened(conn: AsyncConnection[Any]) -> str | None:
            async with conn.transaction():
                named = await conn.execute(NAME, (SCHEME, fold_username(username), user_id))
                if await named.fetchone() is None:
                    return None
                await conn.execute("insert into profiles (user_id, name) values (%s, %s)", (user_id, username))
                await conn.execute("insert into passwords (user_id, hash) values (%s, %s)", (user_id, hashed))
                return hashed

        return await run_query(self._pool, opened)

    async def find(self, username: str) -> UUID | None:
        sql = "select user_id from identities where scheme = %s and subject = %s"
        rows = await fetch_all(self._pool, sql, (SCHEME, fold_username(username)))
        return rows[0][0] if rows else None

    async def stale(self, user_id: UUID, now: datetime) -> bool:
        sql = "select known_since from identities where user_id = %s"
        rows = await fetch_all(self._pool, sql, (user_id,))
        return not rows or rows[0][0] < now - GIVEN_UP

    async def change(self, user_id: UUID, proof: str, but: UUID | None) -> bool:
        hashed = await hashing(self._hasher.hash, proof)

        async def changed(conn: AsyncConnection[Any]) -> bool:
            async with conn.transaction():  # the password first: a token that is being made waits, and then fits not
                sql = "update passwords set hash = %s where user_id = %s returning user_id"
                if await (await conn.execute(sql, (hashed, user_id))).fetchone() is None:
                    return False
                sql = "delete from vm_tokens where user_id = %s and id is distinct from %s"
                await conn.execute(sql, (user_id, but))
                return True

        return await run_query(self._pool, changed)

    async def described(self, user_ids: Sequence[UUID]) -> dict[UUID, Described]:
        rows = await fetch_all(self._pool, DESCRIBED, (list(user_ids), HEADERS))
        return {user_id: Described(name, reason) for user_id, name, reason in rows}

    async def come_otherwise(self, user_id: UUID) -> bool:
        sql = "select 1 from identities where user_id = %s and scheme <> %s"
        return bool(await fetch_all(self._pool, sql, (user_id, SCHEME)))

    async def forget(self, user_id: UUID) -> None:
        """Whoever came by another door has no password here."""
        await fetch_all(self._pool, "delete from vm_bans where user_id = %s", (user_id,))

    async def keep_reason(self, user_id: UUID, reason: str | None) -> None:
        if reason is None:
            await fetch_all(self._pool, "delete from vm_bans where user_id = %s", (user_id,))
        else:
            await fetch_all(self._pool, REASON, (user_id, reason))
