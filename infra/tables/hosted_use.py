"""The table `hosted_use`: when each hosted session was last seen in use. Rows survive a restart of Tenure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

DDL = "create table if not exists hosted_use (session_id uuid primary key, used_at timestamptz not null)"
RECORD = """
insert into hosted_use (session_id, used_at) values (%(id)s, %(now)s)
on conflict (session_id) do update set used_at = case when %(used)s then %(now)s else hosted_use.used_at end
returning used_at
"""


async def record(conn: AsyncConnection[Any], id: UUID, now: datetime, used: bool) -> datetime:
    """Record whether the session is in use now. Returns when it last was, or when it was first recorded."""
    cur = await conn.execute(RECORD, {"id": id, "now": now, "used": used})
    (used_at,) = await cur.fetchone() or (now,)
    return used_at


async def forget_others(conn: AsyncConnection[Any], session_ids: Collection[UUID]) -> None:
    """Delete the rows of all other sessions."""
    await conn.execute("delete from hosted_use where not session_id = any(%s)", (list(session_ids),))
