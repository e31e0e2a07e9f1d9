"""The tables `identities` and `profiles`: which user has which identity, and their personal data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ports.clock import Ids
from application.ports.people import LOCAL, OLD_LOCAL, SELF_NAMED_SCHEMES, Identity, Person, Profile
from domain.username import fold_username
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
# Local names are one scheme since version 0.2. Before, a name that signed in by itself ("dev") and the same name in a
# header (LOCAL) were two users. Both statements change nothing that they have changed before.
ONE_FORM = "btrim(regexp_replace(normalize({}.subject, NFC), ' +', ' ', 'g'))"
UNITE_LOCAL_NAMES = (
    f"""
update identities set subject = {ONE_FORM.format("identities")}
where scheme in (%(local)s, %(old)s) and subject <> {ONE_FORM.format("identities")} and not exists (
    select from identities other where other.scheme = identities.scheme and other.subject <> identities.subject
    and {ONE_FORM.format("other")} = {ONE_FORM.format("identities")}
)
""",
    """
insert into identities (scheme, subject, user_id, known_since)
select %(local)s, subject, user_id, known_since from identities where scheme = %(old)s
on conflict (scheme, subject) do update set user_id = excluded.user_id
where not exists (select from trail where trail.by = identities.user_id or trail.owner_id = identities.user_id)
    and not exists (select from api_key_rows where api_key_rows.user_id = identities.user_id)
""",
)
TWO_USERS = """
select count(*) from identities old join identities local using (subject)
where old.scheme = %(old)s and local.scheme = %(local)s and old.user_id <> local.user_id
"""
IDENTIFY = """
with made as (
    insert into identities (scheme, subject, user_id) values (%(scheme)s, %(subject)s, %(id)s)
    on conflict do nothing returning user_id
)
select user_id from made union all
select user_id from identities where scheme = %(scheme)s and subject = %(subject)s
"""
FIND_USER = """
select user_id from (
    select user_id, 1 as nth from identities where scheme = %(scheme)s and subject = %(subject)s
    union all
    select user_id, 2 from profiles where verified_email = %(verified)s and not exists (
        select from identities where identities.user_id = profiles.user_id and scheme = %(scheme)s
    )
) found order by nth limit 1
"""
SAVE_PROFILE = """
insert into profiles (user_id, name, email, verified_email, avatar_url)
values (%(id)s, %(name)s, %(email)s, %(verified)s, %(avatar_url)s)
on conflict (user_id) do update set
    name = excluded.name,
    email = coalesce(excluded.email, profiles.email),
    verified_email = excluded.verified_email,
    avatar_url = coalesce(excluded.avatar_url, profiles.avatar_url)
"""
FORGET_VERIFIED_EMAIL = """
update profiles set verified_email = null, email = null from identities
where identities.user_id = profiles.user_id and scheme = %(scheme)s and subject = %(subject)s
"""
FIND_NAMED = """
select distinct identities.user_id from identities left join profiles using (user_id)
where profiles.name = %(name)s or subject in (%(name)s, %(folded)s)
"""
# A name of LOCAL is the subject itself. Identities of providers come before those in which people name themselves.
DESCRIBE = """
select identities.user_id, case scheme when %s then subject else coalesce(profiles.name, subject) end, scheme
from identities left join profiles using (user_id)
where identities.user_id = any(%s)
order by scheme = any(%s), known_since, scheme
"""
EMAIL_OF_OTHER = "select from profiles where verified_email = %(verified)s and user_id <> %(id)s"
LOCK = "select pg_advisory_xact_lock(7305)"  # or two sign-ins with one e-mail could become two users
ADD_IDENTITY = """
insert into identities (scheme, subject, user_id) values (%(scheme)s, %(subject)s, %(id)s) on conflict do nothing
"""
MAX_CACHED_IDENTITIES = 10_000


class PeopleRows:
    """The `People` and `Profiles` ports on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any], ids: Ids) -> None:
        self._pool, self._ids = pool, ids
        self._cache: dict[tuple[str, str], UUID] = {}  # the user of an identity never changes while it has one

    async def identify(self, scheme: str, subject: str) -> UUID:
        """Return the user of this identity. One that is new gets a new user."""
        user_id = self._cache.get((scheme, subject))
        if user_id is None:
            user_id = await self._find_or_add(scheme, subject)
            if len(self._cache) >= MAX_CACHED_IDENTITIES:
                self._cache.clear()
            self._cache[scheme, subject] = user_id
        return user_id

    async def _find_or_add(self, scheme: str, subject: str) -> UUID:
        params = {"scheme": scheme, "subject": subject, "id": self._ids()}
        while not (rows := await fetch_all(self._pool, IDENTIFY, params)):
            pass  # another process inserted it while the statement ran: a second run sees it
        user_id: UUID = rows[0][0]
        return user_id

    async def find(self, scheme: str, subject: str) -> UUID | None:
        """Return the user of this identity, or None if it is new."""
        sql = "select user_id from identities where scheme = %s and subject = %s"
        rows = await fetch_all(self._pool, sql, (scheme, subject))
        return rows[0][0] if rows else None

    async def names(self, scheme: str, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return the subject of each user under a scheme. Users without one are left out."""
        sql = "select user_id, subject from identities where scheme = %s and user_id = any(%s)"
        return {row[0]: row[1] for row in await fetch_all(self._pool, sql, (scheme, list(user_ids)))}

    async def describe(self, user_ids: Sequence[UUID]) -> dict[UUID, Person]:
        """Return each user's name and the scheme of an identity, of a sign-in provider if there is one."""
        people: dict[UUID, Person] = {}
        for row in await fetch_all(self._pool, DESCRIBE, (LOCAL, list(user_ids), [LOCAL, *SELF_NAMED_SCHEMES])):
            people.setdefault(row[0], Person(*row))
        return people

    async def find_named(self, name: str) -> list[UUID]:
        """Return every user with this name in their profile, or with an identity whose subject this is."""
        rows = await fetch_all(self._pool, FIND_NAMED, {"name": name, "folded": fold_username(name)})
        return [row[0] for row in rows]

    async def display_names(self, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return the name in each user's profile. Users without a profile are left out."""
        return {id: profile.name for id, profile in (await self.profiles(user_ids)).items()}

    # -- people who sign in ------------------------------------------------------

    async def find_user(self, identity: Identity) -> UUID | None:
        """Return the user of this identity, or the one with its verified e-mail address; None for a stranger."""
        rows = await fetch_all(self._pool, FIND_USER, sql_params(identity))
        return rows[0][0] if rows else None

    async def save(self, identity: Identity) -> UUID:
        """Return the user as `find_user` does, or a new one; link the identity to it and update the profile."""

        async def save(conn: AsyncConnection[Any]) -> UUID:
            async with conn.transaction():
                await conn.execute(LOCK)
                row = await (await conn.execute(FIND_USER, sql_params(identity))).fetchone()
                id: UUID = row[0] if row else self._ids()
                params = sql_params(identity) | {"id": id}
                if await (await conn.execute(EMAIL_OF_OTHER, params)).fetchone() is not None:  # a row is an empty tuple
                    params["verified"] = None  # the address stays the other user's; it is unique
                await conn.execute(SAVE_PROFILE, params)
                await conn.execute(ADD_IDENTITY, params)
                return id

        return await run_query(self._pool, save)

    async def forget_verified_email(self, identity: Identity) -> None:
        """Delete the e-mail address of the identity's user, since its provider does not verify it any more."""
        await fetch_all(self._pool, FORGET_VERIFIED_EMAIL, sql_params(identity))

    async def profiles(self, user_ids: Sequence[UUID]) -> dict[UUID, Profile]:
        """Return the profile of each user. Users without one are left out."""
        sql = "select user_id, name, email, avatar_url, last_seen_at from profiles where user_id = any(%s)"
        return {row[0]: Profile(*row) for row in await fetch_all(self._pool, sql, (list(user_ids),))}

    async def unite_local_names(self) -> int:
        """Make a name of version 0.1 one user, however it came, where one of its two users has never done anything.

        Only for a local and private installation: elsewhere a proxy's name must not become somebody else's user.
        Return how many names still are two users, since both have something that must not be lost.
        """

        async def unite(conn: AsyncConnection[Any]) -> int:
            params = {"local": LOCAL, "old": OLD_LOCAL}
            async with conn.transaction():
                for statement in UNITE_LOCAL_NAMES:
                    await conn.execute(statement, params)
                row = await (await conn.execute(TWO_USERS, params)).fetchone()
            return int(row[0]) if row else 0

        return await run_query(self._pool, unite)

    async def forget(self, user_id: UUID) -> None:
        """Delete every row about the user, in all tables beside the log."""

        async def delete(conn: AsyncConnection[Any]) -> None:
            async with conn.transaction():
                for table in (
                    # The password first: a token that is being issued waits for its row, and then is not issued.
                    *("passwords", "vm_tokens", "logins", "api_key_rows", "holder_keys", "join_requests", "vm_bans"),
                    "invite_notes",
                    *("identities", "profiles"),
                ):
                    await conn.execute(f"delete from {table} where user_id = %s", (user_id,))

        await run_query(self._pool, delete)
        self._cache = {identity: id for identity, id in self._cache.items() if id != user_id}


def sql_params(identity: Identity) -> dict[str, Any]:
    """Return the identity's fields as parameters of the statements. Addresses are compared in lower case."""
    verified = identity.email.lower() if identity.email and identity.email_verified else None
    return vars(identity) | {"verified": verified}
