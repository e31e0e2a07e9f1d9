"""The table `join_requests`, with `session_guests` and `admissions`: who asked to join which hosted session.

All rows of a session are deleted when it ends.
"""

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
# Approved guests no longer wait, and a guest who asks again takes their own place.
COUNT_WAITING = """
select count(*) from join_requests r
where session_id = %(session_id)s and until > %(now)s and guest_id <> %(guest_id)s
and not exists (select from admissions a where a.joiner_id = r.joiner_id)
"""
ADD = f"""
insert into join_requests ({", ".join(COLUMNS)}) values ({", ".join(f"%({name})s" for name in COLUMNS)})
"""
DELETE_EARLIER = """
delete from join_requests r where guest_id = %(guest_id)s
and not exists (select from admissions a where a.joiner_id = r.joiner_id)
"""
ADD_GUEST = """
insert into session_guests (guest_id, session_id) values (%(guest_id)s, %(session_id)s) on conflict do nothing
"""
LOCK = "select pg_advisory_xact_lock(7306, hashtext(%(session_id)s::text))"
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


class JoinRequestRows:
    """The `JoinRequests` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def add(self, request: JoinRequest, now: datetime, max_waiting: int) -> None:
        """Store the request instead of earlier ones of the same guest that wait.

        Raises `TooMany` if `max_waiting` other guests wait for the session.
        """
        params = vars(request) | {"now": now}

        async def add(conn: AsyncConnection[Any]) -> None:
            async with conn.transaction():
                await conn.execute(LOCK, params)
                (waiting,) = await (await conn.execute(COUNT_WAITING, params)).fetchone() or (0,)
                if waiting >= max_waiting:
                    raise TooMany(RETRY_AFTER_S)
                for statement in (DELETE_EARLIER, ADD, ADD_GUEST):
                    await conn.execute(statement, params)

        await run_query(self._pool, add)

    async def find(self, joiner_ids: Sequence[UUID]) -> dict[UUID, JoinRequest]:
        """Return these requests by their joiner's id. Deleted ones are left out."""
        sql = f"select {', '.join(COLUMNS)} from join_requests where joiner_id = any(%s)"
        rows = await fetch_all(self._pool, sql, (list(joiner_ids),))
        return {row[0]: JoinRequest(*row) for row in rows}

    async def admit(self, joiner_id: UUID, admission_id: UUID, vm_user: str) -> None:
        """Store under `admission_id` the name of the account that the owner approved. The joiner no longer waits."""
        await fetch_all(self._pool, ADMIT, (admission_id, joiner_id, vm_user))

    async def admitted_user(self, admission_id: UUID) -> str | None:
        """Return the name of the account that was approved, or None."""
        rows = await fetch_all(self._pool, "select vm_user from admissions where id = %s", (admission_id,))
        return rows[0][0] if rows else None

    async def list_guests(self, session_id: UUID) -> list[UUID]:
        """Return everybody who ever asked to join the session."""
        rows = await fetch_all(self._pool, "select guest_id from session_guests where session_id = %s", (session_id,))
        return [row[0] for row in rows]

    async def forget(self, joiner_id: UUID) -> None:
        """Delete the request and its approval."""
        await fetch_all(self._pool, FORGET, {"id": joiner_id})

    async def forget_session(self, session_id: UUID) -> None:
        """Delete everything about the session, the holder's key included."""
        await fetch_all(self._pool, FORGET_SESSION, {"id": session_id})
