"""People: which user is behind which identity, and what they are called. Rows, not events: they can be forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ports.clock import Ids
from application.ports.people import Identity, Profile
from infra.postgres.rows import fetch_all
from projections.query import run_query

DDL = """
create table if not exists identities (
    scheme text not null,
    subject text not null,
    user_id uuid not null,
    known_since timestamptz not null default now(),
    primary key (scheme, subject)
);
create index if not exists identities_user on identities (user_id);
create table if not exists profiles (
    user_id uuid primary key,
    name text not null,
    email text,
    verified_email text unique,
    avatar_url text,
    last_seen_at timestamptz
);
"""
IDENTIFY = """
with made as (
    insert into identities (scheme, subject, user_id) values (%(scheme)s, %(subject)s, %(id)s)
    on conflict do nothing returning user_id
)
select user_id from made union all
select user_id from identities where scheme = %(scheme)s and subject = %(subject)s
"""
KNOWN = """
select user_id from (
    select user_id, 1 as nth from identities where scheme = %(scheme)s and subject = %(subject)s
    union all select user_id, 2 from profiles where verified_email = %(verified)s
) found order by nth limit 1
"""
KEEP = """
insert into profiles (user_id, name, email, verified_email, avatar_url)
values (%(id)s, %(name)s, %(email)s, %(verified)s, %(avatar_url)s)
on conflict (user_id) do update set
    name = excluded.name,
    email = coalesce(excluded.email, profiles.email),
    verified_email = coalesce(excluded.verified_email, profiles.verified_email),
    avatar_url = coalesce(excluded.avatar_url, profiles.avatar_url)
"""
TAKEN = "select from profiles where verified_email = %(verified)s and user_id <> %(id)s"
ONE_AT_A_TIME = "select pg_advisory_xact_lock(7305)"  # so that one e-mail is never two people
REMEMBERED = 10_000  # identities; an identity's user never changes while it is known


class Accounts:
    """The `People` and `Profiles` ports on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any], ids: Ids) -> None:
        self._pool, self._ids = pool, ids
        self._known: dict[tuple[str, str], UUID] = {}

    async def identify(self, scheme: str, subject: str) -> UUID:
        known = self._known.get((scheme, subject))
        if known is None:
            known = await self._look_up(scheme, subject)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[scheme, subject] = known
        return known

    async def _look_up(self, scheme: str, subject: str) -> UUID:
        asked = {"scheme": scheme, "subject": subject, "id": self._ids()}
        while not (rows := await fetch_all(self._pool, IDENTIFY, asked)):
            pass  # somebody else inserted it just now: it is there at the second look
        found: UUID = rows[0][0]
        return found

    async def find(self, scheme: str, subject: str) -> UUID | None:
        sql = "select user_id from identities where scheme = %s and subject = %s"
        rows = await fetch_all(self._pool, sql, (scheme, subject))
        return rows[0][0] if rows else None

    async def names(self, scheme: str, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        sql = "select user_id, subject from identities where scheme = %s and user_id = any(%s)"
        return dict(await fetch_all(self._pool, sql, (scheme, list(user_ids))))

    async def called(self, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        return {id: profile.name for id, profile in (await self.profiles(user_ids)).items()}

    # -- people who sign in ------------------------------------------------------

    async def known(self, who: Identity) -> UUID | None:
        rows = await fetch_all(self._pool, KNOWN, asked(who))
        return rows[0][0] if rows else None

    async def keep(self, who: Identity) -> UUID:
        async def kept(conn: AsyncConnection[Any]) -> UUID:
            async with conn.transaction():
                await conn.execute(ONE_AT_A_TIME)
                row = await (await conn.execute(KNOWN, asked(who))).fetchone()
                id: UUID = row[0] if row else self._ids()
                told = asked(who) | {"id": id}
                if await (await conn.execute(TAKEN, told)).fetchone() is not None:  # its rows are empty tuples
                    told["verified"] = None  # that e-mail is somebody else's here, and stays theirs
                await conn.execute(KEEP, told)
                await conn.execute(
                    "insert into identities (scheme, subject, user_id) values (%(scheme)s, %(subject)s, %(id)s) "
                    "on conflict do nothing",
                    told,
                )
                return id

        return await run_query(self._pool, kept)

    async def profiles(self, user_ids: Sequence[UUID]) -> dict[UUID, Profile]:
        sql = "select user_id, name, email, avatar_url, last_seen_at from profiles where user_id = any(%s)"
        return {row[0]: Profile(*row) for row in await fetch_all(self._pool, sql, (list(user_ids),))}

    async def forget(self, user_id: UUID) -> None:
        async def forgotten(conn: AsyncConnection[Any]) -> None:
            async with conn.transaction():
                for table in (
                    # The password first: a token that is being made for it waits, and then is not.
                    *("passwords", "vm_tokens", "logins", "api_key_rows", "holder_keys", "join_requests", "vm_bans"),
                    *("identities", "profiles"),
                ):
                    await conn.execute(f"delete from {table} where user_id = %s", (user_id,))

        await run_query(self._pool, forgotten)
        self._known = {who: id for who, id in self._known.items() if id != user_id}


def asked(who: Identity) -> dict[str, Any]:
    """An identity, as the statements name its parts. E-mails are the same in any case."""
    verified = who.email.lower() if who.email and who.email_verified else None
    return vars(who) | {"verified": verified}
