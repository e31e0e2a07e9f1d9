"""Runs single statements on a pooled connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from projections.query import run_query


async def fetch_all(
    pool: AsyncConnectionPool[Any], sql: str, params: Sequence[Any] | Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows; an empty list where it returns none.

    Raises `Unavailable` while the database does not answer.
    """

    async def run(conn: AsyncConnection[Any]) -> list[tuple[Any, ...]]:
        cur = await conn.execute(sql, params)
        return await cur.fetchall() if cur.description else []

    return await run_query(pool, run)
