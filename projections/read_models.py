"""The one follower's transaction: all read models advance together, with the position that they have reached."""

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
    sessions,
    trail,
    users,
    vm_accounts,
    vm_configs,
    work,
    workshops,
    workspaces,
)
from projections import (
    ownership as holders,
)
from projections.table import Table
from projections.trail import Entry

TABLES: tuple[Table[Any], ...] = (
    workspaces.TABLE,
    operations.TABLE,
    holders.TABLE,
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
# The table whose rows are an aggregate's state, as streams show it.
STATES = {
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
SHAPE = sha256("".join(DDL.values()).encode()).hexdigest()  # another one means: fold anew

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
    """Empty read models in the connection's first schema, and the position back at the beginning."""
    for ddl in DDL.values():
        await conn.execute(ddl)
    await conn.execute("update follower set position = 0, shape = %s, failed = null", (SHAPE,))


async def replace(conn: AsyncConnection[Any], schema: str) -> None:
    """Let the read models in this schema take the place of the public ones."""
    for name in DDL:
        await conn.execute(f"drop table if exists public.{name}")
        await conn.execute(f"alter table {schema}.{name} set schema public")


async def advance(
    conn: AsyncConnection[Any], events: Sequence[Any], positions: Sequence[int]
) -> tuple[list[Entry], bool]:
    """Fold the events into every read model. Returns what to tell, and whether there is new work."""
    found = [await table.look_up(conn, events) for table in TABLES]  # first all questions, then the answers
    changes = {table.name: await table.fold(conn, events, rows) for table, rows in zip(TABLES, found, strict=True)}
    entries = []
    for nth, (event, position) in enumerate(zip(events, positions, strict=True)):
        _, held = changes["holders"][nth]
        shows = STATES.get(trail.kind_of(event).partition(".")[0])
        row = changes[shows][nth][1] if shows else None
        entries.append(trail.entry(event, position, held.owner_id if held else None, row))
    await trail.append(conn, entries)
    regions = [(after or before).region if after or before else LOCAL for before, after in changes["workspaces"]]
    has_work = await work.fold(conn, events, positions, regions)
    await conn.execute("update follower set position = %s, failed = null", (positions[-1],))
    return entries, has_work
