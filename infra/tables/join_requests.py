"""What people asked with to host a session or to join one: rows, which go when the session goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ports.errors import TooMany
from application.ports.hosted_sessions import JoinRequest
from application.waiting_room import RETRY_AFTER_S
from infra.postgres.rows import fetch_all
from projections.query import run_query

DDL = """
create table if not exists holder_keys (
    workspace_id uuid primary key,
    session_id uuid not null,
    user_id uuid not null,
    pub_key text not null
);
create index if not exists holder_keys_session on holder_keys (session_id);
create table if not exists join_requests (
    joiner_id uuid primary key,
    guest_id uuid not null,
    session_id uuid not null,
    user_id uuid not null,
    pub_key text not null,
    vm_user text not null,
    client_ip text not null,
    region text not null,
    until timestamptz not null
);
create index if not exists join_requests_session on join_requests (session_id);
create index if not exists join_requests_guest on join_requests (guest_id);
create table if not exists session_guests (
    guest_id uuid primary key,
    session_id uuid not null
);
create index if not exists session_guests_session on session_guests (session_id);
create table if not exists admissions (
    id uuid primary key,
    joiner_id uuid not null,
    vm_user text not null
);
create index if not exists admissions_joiner on admissions (joiner_id);
"""
COLUMNS = [field.name for field in fields(JoinRequest)]
# Those who were approved wait no more, and whoever asks again takes their own place.
WAITING = """
select count(*) from join_requests r
where session_id = %(session_id)s and until > %(now)s and guest_id <> %(guest_id)s
and not exists (select from admissions a where a.joiner_id = r.joiner_id)
"""
KEEP = f"""
insert into join_requests ({", ".join(COLUMNS)}) values ({", ".join(f"%({name})s" for name in COLUMNS)})
"""
OTHERS = """
delete from join_requests r where guest_id = %(guest_id)s
and not exists (select from admissions a where a.joiner_id = r.joiner_id)
"""
KNOWN = "insert into session_guests (guest_id, session_id) values (%(guest_id)s, %(session_id)s) on conflict do nothing"
ONE_AT_A_TIME = "select pg_advisory_xact_lock(7306, hashtext(%(session_id)s::text))"
ADMIT = "insert into admissions (id, joiner_id, vm_user) values (%s, %s, %s)"
FORGET = """
with gone as (delete from admissions where joiner_id = %(id)s) delete from join_requests where joiner_id = %(id)s
"""
FORGET_SESSION = """
with asked as (delete from join_requests where session_id = %(id)s returning joiner_id)
, admitted as (delete from admissions a using asked where a.joiner_id = asked.joiner_id)
, keys as (delete from holder_keys where session_id = %(id)s)
delete from session_guests where session_id = %(id)s
"""


class JoinRequests:
    """The port of that name on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def keep(self, request: JoinRequest, now: datetime, most: int) -> None:
        told = vars(request) | {"now": now}

        async def keep(conn: AsyncConnection[Any]) -> None:
            async with conn.transaction():
                await conn.execute(ONE_AT_A_TIME, told)
                (waiting,) = await (await conn.execute(WAITING, told)).fetchone() or (0,)
                if waiting >= most:
                    raise TooMany(RETRY_AFTER_S)
                for statement in (OTHERS, KEEP, KNOWN):
                    await conn.execute(statement, told)

        await run_query(self._pool, keep)

    async def find(self, joiner_ids: Sequence[UUID]) -> dict[UUID, JoinRequest]:
        sql = f"select {', '.join(COLUMNS)} from join_requests where joiner_id = any(%s)"
        rows = await fetch_all(self._pool, sql, (list(joiner_ids),))
        return {row[0]: JoinRequest(*row) for row in rows}

    async def admit(self, joiner_id: UUID, admission_id: UUID, vm_user: str) -> None:
        await fetch_all(self._pool, ADMIT, (admission_id, joiner_id, vm_user))

    async def admitted_as(self, admission_id: UUID) -> str | None:
        rows = await fetch_all(self._pool, "select vm_user from admissions where id = %s", (admission_id,))
        return rows[0][0] if rows else None

    async def guests(self, session_id: UUID) -> list[UUID]:
        rows = await fetch_all(self._pool, "select guest_id from session_guests where session_id = %s", (session_id,))
        return [row[0] for row in rows]

    async def forget(self, joiner_id: UUID) -> None:
        await fetch_all(self._pool, FORGET, {"id": joiner_id})

    async def forget_session(self, session_id: UUID) -> None:
        await fetch_all(self._pool, FORGET_SESSION, {"id": session_id})


class HolderKeys:
    """The port of that name on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def keep(self, workspace_id: UUID, session_id: UUID, user_id: UUID, pub_key: str) -> None:
        sql = "insert into holder_keys (workspace_id, session_id, user_id, pub_key) values (%s, %s, %s, %s)"
        await fetch_all(self._pool, sql, (workspace_id, session_id, user_id, pub_key))

    async def find(self, workspace_id: UUID) -> str | None:
        sql = "select pub_key from holder_keys where workspace_id = %s"
        rows = await fetch_all(self._pool, sql, (workspace_id,))
        return rows[0][0] if rows else None
