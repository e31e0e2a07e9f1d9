"""When a hosted session was last seen in use. Rows, so that a restart neither forgets it nor counts against anybody."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

DDL = "create table if not exists hosted_use (session_id uuid primary key, used_at timestamptz not null)"
SEEN = """
insert into hosted_use (session_id, used_at) values (%(id)s, %(now)s)
on conflict (session_id) do update set used_at = case when %(used)s then %(now)s else hosted_use.used_at end
returning used_at
"""


async def seen(conn: AsyncConnection[Any], id: UUID, now: datetime, used: bool) -> datetime:
    """Note that it is used now, or is not. Returns when it was last, or since when it has been looked at."""
    cur = await conn.execute(SEEN, {"id": id, "now": now, "used": used})
    (used_at,) = await cur.fetchone() or (now,)
    return used_at


async def forget_others(conn: AsyncConnection[Any], known: Collection[UUID]) -> None:
    await conn.execute("delete from hosted_use where not session_id = any(%s)", (list(known),))
