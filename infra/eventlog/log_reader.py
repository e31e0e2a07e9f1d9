"""Reads the log in order, a batch at a time."""

from __future__ import annotations

from typing import Any

from eventsourcing.persistence import StoredEvent
from psycopg import AsyncConnection

from application.platform import Platform


async def events_after(
    conn: AsyncConnection[Any], platform: Platform, position: int, limit: int
) -> list[tuple[int, Any]]:
    """Return up to `limit` events after `position`, in order, each with its position. Raises `psycopg.Error`."""
    cur = await conn.execute(
        "select notification_id, originator_id, originator_version, topic, state from tenure_events "
        "where notification_id > %s order by notification_id limit %s",
        (position, limit),
    )
    return [
        (at, platform.mapper.to_domain_event(StoredEvent(id, version, topic, bytes(state))))
        for at, id, version, topic, state in await cur.fetchall()
    ]
