"""Asking PostgreSQL for rows on a pooled connection."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from projections.query import answered


async def fetch_all(pool: AsyncConnectionPool[Any], sql: str, args: Any) -> list[Any]:
    """The rows of one statement. `Unavailable` while the database does not answer."""

    async def ask(conn: AsyncConnection[Any]) -> list[Any]:
        cur = await conn.execute(sql, args)
        return await cur.fetchall() if cur.description else []

    return await answered(pool, ask)
