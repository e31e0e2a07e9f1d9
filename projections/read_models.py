"""All read models together: one transaction of the follower advances each of them, and the position."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
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
    ownership,
    sessions,
    trail,
    users,
    vm_accounts,
    vm_configs,
    work,
    workshops,
    workspaces,
)
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
SHAPE = sha256("".join(DDL.values()).encode()).hexdigest()  # rows of another shape are folded anew at the start

FOLLOWER = """
create table if not exists follower (
    singleton boolean primary key default true check (singleton),
    position bigint not null default 0,
    shape text not null default '',
    failed text
);
insert into follower default values on conflict do nothing;
"""


async def create(conn: AsyncConnection[Any]) -> None:
    """Create empty read models in the connection's first schema, and reset the position to 0."""
    for ddl in DDL.values():
        await conn.execute(ddl)
    await conn.execute("update follower set position = 0, shape = %s, failed = null", (SHAPE,))


async def replace(conn: AsyncConnection[Any], schema: str) -> None:
    """Replace the public read models by those in this schema."""
    for name in DDL:
        await conn.execute(f"drop table if exists public.{name}")
        await conn.execute(f"alter table {schema}.{name} set schema public")


async def advance(
    conn: AsyncConnection[Any], events: Sequence[Any], positions: Sequence[int]
) -> tuple[list[Entry], bool]:
    """Fold the events into every read model. Returns the entries to push, and whether there is new work."""
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
    await conn.execute("update follower set position = %s, failed = null", (positions[-1],))
    return entries, has_work
