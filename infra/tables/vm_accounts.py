"""The table `vm_bans`, and the names and passwords of VM accounts in the tables of people and passwords."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from application.ports.vm_accounts import AccountDescription
from domain.username import fold_username
from infra.postgres.rows import fetch_all
from infra.tables.passwords import PasswordRows
from interfaces.http.identity import SCHEME as HEADER_SCHEME
from projections.query import run_query

SCHEME = "neptuned"  # of the identities of people with a VM account
DDL = """
create table if not exists vm_bans (
    user_id uuid primary key,
    reason text not null
);
"""
ADD_NAME = """
insert into identities (scheme, subject, user_id) values (%s, %s, %s) on conflict do nothing returning user_id
"""
SET_BAN_REASON = "insert into vm_bans values (%s, %s) on conflict (user_id) do update set reason = excluded.reason"
DESCRIBE = """
select it.user_id, coalesce(profiles.name, identities.subject, ''), vm_bans.reason
from unnest(%s::uuid[]) it (user_id)
    left join profiles using (user_id)
    left join identities on identities.user_id = it.user_id and identities.scheme = %s
    left join vm_bans on vm_bans.user_id = it.user_id
"""
STALE_AFTER = timedelta(minutes=1)  # a name whose account has no event by then belongs to a registration that failed


class VmAccountRows(PasswordRows):
    """The `AccountRows` port on PostgreSQL. Instructors, who are other users, have passwords in the same table."""

    async def register(self, user_id: UUID, username: str, proof: str, source: str) -> str | None:
        """Store a new account and return the hash of its password; None if the name is taken."""
        hashed = await self._hashing.run(source, self._hasher.hash, proof)

        async def register(conn: AsyncConnection[Any]) -> str | None:
            async with conn.transaction():
                cur = await conn.execute(ADD_NAME, (SCHEME, fold_username(username), user_id))
                if await cur.fetchone() is None:
                    return None
                await conn.execute("insert into profiles (user_id, name) values (%s, %s)", (user_id, username))
                await conn.execute("insert into passwords (user_id, hash) values (%s, %s)", (user_id, hashed))
                return hashed

        return await run_query(self._pool, register)

    async def find(self, username: str) -> UUID | None:
        """Return the user with this name, or None."""
        sql = "select user_id from identities where scheme = %s and subject = %s"
        rows = await fetch_all(self._pool, sql, (SCHEME, fold_username(username)))
        return rows[0][0] if rows else None

    async def is_stale(self, user_id: UUID, now: datetime) -> bool:
        """Return whether the rows are so old that their account, if it has no event by now, will never have one."""
        sql = "select known_since from identities where user_id = %s"
        rows = await fetch_all(self._pool, sql, (user_id,))
        return not rows or rows[0][0] < now - STALE_AFTER

    async def change_password(self, user_id: UUID, proof: str, keep_token: UUID | None) -> bool:
        """Replace the password and delete all tokens but `keep_token`. Returns False if there is no password."""
        hashed = await self._hashing.run(str(user_id), self._hasher.hash, proof)

        async def change(conn: AsyncConnection[Any]) -> bool:
            async with conn.transaction():  # the password first: a token that is being issued waits, and then is not
                sql = "update passwords set hash = %s where user_id = %s returning user_id"
                if await (await conn.execute(sql, (hashed, user_id))).fetchone() is None:
                    return False
                sql = "delete from vm_tokens where user_id = %s and id is distinct from %s"
                await conn.execute(sql, (user_id, keep_token))
                return True

        return await run_query(self._pool, change)

    async def describe(self, user_ids: Sequence[UUID]) -> dict[UUID, AccountDescription]:
        """Return name and ban reason of each user. A user without rows has the name ""."""
        rows = await fetch_all(self._pool, DESCRIBE, (list(user_ids), HEADER_SCHEME))
        return {user_id: AccountDescription(name, reason) for user_id, name, reason in rows}

    async def has_other_identity(self, user_id: UUID) -> bool:
        """Return whether the user also has an identity of another contract."""
        sql = "select 1 from identities where user_id = %s and scheme <> %s"
        return bool(await fetch_all(self._pool, sql, (user_id, SCHEME)))

    async def forget(self, user_id: UUID) -> None:
        """Delete the ban reason. Passwords and names are deleted by `infra.tables.people`."""
        await fetch_all(self._pool, "delete from vm_bans where user_id = %s", (user_id,))

    async def set_ban_reason(self, user_id: UUID, reason: str | None) -> None:
        """Store the reason of a ban; None deletes it."""
        if reason is None:
            await fetch_all(self._pool, "delete from vm_bans where user_id = %s", (user_id,))
        else:
            await fetch_all(self._pool, SET_BAN_REASON, (user_id, reason))
