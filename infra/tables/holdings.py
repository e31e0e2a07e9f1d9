"""The table `holdings`: what users hold, as far as quotas limit it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ports.quotas import Holding
from domain.quota_defaults import Kind
from infra.postgres.rows import fetch_all
from projections.query import run_query

DDL = """
create table if not exists holdings (
    id uuid primary key,
    user_id uuid not null,
    kind text not null,
    amount integer not null,
    reserved_at timestamptz not null default now()
);
create index if not exists holdings_user on holdings (user_id, kind);
"""
# What was created before there were quotas.
FILL = """
insert into holdings (id, user_id, kind, amount, reserved_at)
select id, owner_id, 'workspaces', 1, created_at from workspaces
    where id not in (select workspace_id from hosted_sessions) and owner_id not in (select id from workshops)
union all select id, owner_id, 'sessions', 1, started_at from hosted_sessions
union all select id, owner_id, 'seats', jsonb_array_length(seats), created_at from workshops
union all select id, owner_id, 'keys', 1, created_at from api_keys
on conflict do nothing
"""
# A crash of the database may lose the last reservations, so that a user may hold a few more than their quota.
NO_WAIT_FOR_DISK = "set local synchronous_commit = off"
# Others who reserve for the same user wait until this transaction is over, and then see its row.
LOCK = "select pg_advisory_xact_lock(hashtextextended(%s, 0))"
RESERVE = """
insert into holdings (id, user_id, kind, amount) select %(id)s, %(user_id)s, %(kind)s, %(amount)s
where %(amount)s + (
    select coalesce(sum(amount), 0) from holdings
    where user_id = %(user_id)s and kind = %(kind)s and id <> %(id)s
) <= %(limit)s
on conflict (id) do update set amount = excluded.amount
returning id
"""


class HoldingRows:
    """The `Holdings` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def reserve(self, user_id: UUID, kind: Kind, id: UUID, amount: int, limit: int) -> bool:
        """Add a holding, or return False if there would be more than the limit. Atomic, also between processes."""
        row = {"id": id, "user_id": user_id, "kind": kind, "amount": amount, "limit": limit}

        async def reserve(conn: AsyncConnection[Any]) -> bool:
            async with conn.transaction():
                await conn.execute(NO_WAIT_FOR_DISK)
                await conn.execute(LOCK, (f"quota {user_id} {kind}",))
                return await (await conn.execute(RESERVE, row)).fetchone() is not None

        return await run_query(self._pool, reserve)

    async def release(self, ids: Sequence[UUID]) -> None:
        """Remove holdings."""
        await fetch_all(self._pool, "delete from holdings where id = any(%s)", (list(ids),))

    async def list_held(self, user_id: UUID, kind: Kind) -> list[Holding]:
        """All holdings of one kind."""
        sql = "select id, amount, reserved_at from holdings where user_id = %s and kind = %s order by reserved_at"
        return [Holding(*row) for row in await fetch_all(self._pool, sql, (user_id, kind))]
