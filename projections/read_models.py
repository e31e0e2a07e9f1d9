"""All read models together: one transaction of the follower advances each of them, and the position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from domain.region import LOCAL
from projections import (
    api_keys,
    claims,
    guests,
    hosted_sessions,
    invites,
    operations,
    orphans,
    ownership,
    sessions,
    shape,
    trail,
    users,
    vm_accounts,
    vm_configs,
    work,
    workshops,
    workspaces,
)
from projections.shape import Shape
from projections.table import Table
from projections.trail import Entry

TABLES: tuple[Table[Any], ...] = (
    workspaces.TABLE,
    operations.TABLE,
    ownership.TABLE,
    users.TABLE,
    invites.TABLE,
    sessions.TABLE,
    claims.TABLE,
    hosted_sessions.TABLE,
    guests.TABLE,
    api_keys.TABLE,
    workshops.TABLE,
    vm_accounts.TABLE,
    vm_configs.TABLE,
    orphans.TABLE,
)
# By the noun of an event: the table whose row is the subject's state in the trail.
STATE_TABLES = {
    "workspace": "workspaces",
    "user": "users",
    "invite": "invites",
    "session": "sessions",
    "claim": "claims",
    "hosted_session": "hosted_sessions",
    "guest": "guests",
    "api_key": "api_keys",
    "workshop": "workshops",
    "vm_account": "vm_accounts",
    "vm_config": "vm_configs",
}
DDL = {**{table.name: table.ddl for table in TABLES}, "work": work.DDL, "trail": trail.DDL}
# The row says how far the read models are folded, and in which shape. The trigger keeps processes of another shape from
# writing it, also those of 0.1, which knows of no other shapes: they would fold into tables that are not their own, and
# fold everything back at a start. 0.1 takes this error for a database that does not answer, and tries again.
FOLLOWER = """
create table if not exists follower (
    singleton boolean primary key default true check (singleton),
    position bigint not null default 0,
    shape text not null default '',
    failed text
);
create or replace function refuse_other_shape() returns trigger language plpgsql as $$
begin
    if new.version <> '' and new.shape is distinct from current_setting('tenure.shape', true) then
        raise exception 'the lists are those of Tenure %, and this process is of another version', new.version
            using errcode = 'cannot_connect_now', hint = 'Upgrade this process.';
    end if;
    return new;
end $$;
do $$
begin
    if not exists (select from pg_attribute where attrelid = 'follower'::regclass and attname = 'version') then
        alter table follower add column version text not null default '';
        create trigger follower_shape before update on follower for each row execute function refuse_other_shape();
    end if;
end $$;
insert into follower default values on conflict do nothing;
"""
SET_SHAPE = "select set_config('tenure.shape', %s, false)"  # for the session
# The leases of work that is under way, so that nobody starts it a second time.
KEEP_LEASES = """
lock table public.work in exclusive mode;
update {0}.work set attempts = old.attempts, run_at = old.run_at, holder = old.holder, last_error = old.last_error
from public.work old where (old.command, old.subject, old.caused_by) = (work.command, work.subject, work.caused_by)
    and work.parked_at is null
"""


async def create(conn: AsyncConnection[Any]) -> None:
    """Create empty read models in the connection's first schema."""
    for ddl in DDL.values():
        await conn.execute(ddl)


async def replace(conn: AsyncConnection[Any], schema: str, position: int) -> None:
    """Replace the public read models by those in this schema, which are folded up to `position` in this shape."""
    own = shape.own_shape()
    cur = await conn.execute("select to_regclass('public.work') is not null")
    (has_work,) = await cur.fetchone() or (False,)
    if has_work:
        await conn.execute(KEEP_LEASES.format(schema))
    for name in DDL:
        await conn.execute(f"drop table if exists public.{name}")
        await conn.execute(f"alter table {schema}.{name} set schema public")
    await conn.execute(SET_SHAPE, (own.digest,))
    await conn.execute(
        "update follower set position = %s, shape = %s, version = %s, failed = null",
        (position, own.digest, own.version),
    )


async def stored_shape(conn: AsyncConnection[Any]) -> Shape:
    """The shape that the read models have now."""
    cur = await conn.execute("select version, shape from follower")
    return Shape(*(await cur.fetchone() or ("", "")))


async def keep_version(conn: AsyncConnection[Any]) -> None:
    """Note that a newer version, this one, folds the read models alike: what is older must not fold them back."""
    own = shape.own_shape()
    await conn.execute(SET_SHAPE, (own.digest,))
    await conn.execute("update follower set version = %s", (own.version,))


async def advance(
    conn: AsyncConnection[Any], events: Sequence[Any], positions: Sequence[int]
) -> tuple[list[Entry], bool]:
    """Fold the events into every read model. Returns the entries to push, and whether there is new work.

    The caller stores the position in the same transaction.
    """
    stored = [await table.select_stored(conn, events) for table in TABLES]  # send every query, then read the answers
    changes = {table.name: await table.fold(conn, events, rows) for table, rows in zip(TABLES, stored, strict=True)}
    entries = []
    for index, (event, position) in enumerate(zip(events, positions, strict=True)):
        _, ownership_row = changes[ownership.TABLE.name][index]
        table_name = STATE_TABLES.get(trail.kind_of(event).partition(".")[0])
        row = changes[table_name][index][1] if table_name else None
        entries.append(trail.entry_of(event, position, ownership_row.owner_id if ownership_row else None, row))
    await trail.append(conn, entries)
    regions = [(after or before).region if after or before else LOCAL for before, after in changes["workspaces"]]
    has_work = await work.fold(conn, events, positions, regions)
    return entries, has_work
