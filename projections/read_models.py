"""The one follower's transaction: all read models advance together, with the position that they have reached."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from psycopg import AsyncConnection

from projections import holders, operations, trail, work, workspaces
from projections.trail import Entry

TABLES = (workspaces.TABLE, operations.TABLE, holders.TABLE)
DDL = {**{table.name: table.ddl for table in TABLES}, "work": work.DDL, "trail": trail.DDL}
SHAPE = sha256("".join(DDL.values()).encode()).hexdigest()  # another one means: fold anew

FOLLOWER = """
create table if not exists follower (
    only boolean primary key default true check (only),
    position bigint not null default 0,
    shape text not null default '',
    failed text
);
insert into follower default values on conflict do nothing;
"""


async def create(conn: AsyncConnection[Any]) -> None:
    """Empty read models, whatever was there before. Inside a transaction of the caller's."""
    for name, ddl in DDL.items():
        await conn.execute(f"drop table if exists {name} cascade")  # type: ignore[arg-type]
        await conn.execute(ddl)  # type: ignore[arg-type]
    await conn.execute("update follower set position = 0, shape = %s, failed = null", (SHAPE,))


async def advance(
    conn: AsyncConnection[Any], events: Sequence[Any], positions: Sequence[int]
) -> tuple[list[Entry], bool]:
    """Fold the events into every read model. Returns what to tell, and whether there is new work."""
    changes = {table.name: await table.fold(conn, events) for table in TABLES}
    entries = []
    for nth, (event, position) in enumerate(zip(events, positions, strict=True)):
        _, held = changes["holders"][nth]
        _, row = changes["workspaces"][nth]
        entries.append(trail.entry(event, position, held.owner_id if held else None, row))
    await trail.append(conn, entries)
    has_work = await work.fold(conn, events, positions)
    await conn.execute("update follower set position = %s, failed = null", (positions[-1],))
    return entries, has_work
