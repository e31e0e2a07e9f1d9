"""Everything that a database holds, as text: what a search for somebody's name would search."""

from __future__ import annotations

from typing import Any

from psycopg_pool import AsyncConnectionPool

TABLES = "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
EVENTS = "select convert_from(state, 'utf8') from tenure_events"


async def dumped(pool: AsyncConnectionPool[Any]) -> dict[str, str]:
    """By table. Events twice: as they are stored, and as what they say."""
    texts: dict[str, str] = {}
    async with pool.connection() as conn:
        for schema, table in await (await conn.execute(TABLES)).fetchall():
            if schema not in ("pg_catalog", "information_schema"):
                rows = await (await conn.execute(f'select t::text from "{schema}"."{table}" t')).fetchall()
                texts[table] = "\n".join(row for (row,) in rows)
        events = "\n".join(state for (state,) in await (await conn.execute(EVENTS)).fetchall())
    return texts | {"tenure_events": f"{texts['tenure_events']}\n{events}"}


def holding(dump: dict[str, str], secret: str) -> list[str]:
    """The tables that have this somewhere, in any case, or as PostgreSQL shows its bytes."""
    forms = (secret.lower(), secret.encode().hex())
    return [table for table, text in dump.items() if any(form in text.lower() for form in forms)]
