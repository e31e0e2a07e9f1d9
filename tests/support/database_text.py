"""Everything that a database holds, as text, for tests that search it for secrets and names."""

from __future__ import annotations

from typing import Any

from psycopg_pool import AsyncConnectionPool

TABLES = "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
EVENTS = "select convert_from(state, 'utf8') from tenure_events"


async def dumped(pool: AsyncConnectionPool[Any]) -> dict[str, str]:
    """The text of each table, by its name. Events come twice: as stored, and decoded."""
    texts: dict[str, str] = {}
    async with pool.connection() as conn:
        for schema, table in await (await conn.execute(TABLES)).fetchall():
            if schema not in ("pg_catalog", "information_schema"):
                rows = await (await conn.execute(f'select t::text from "{schema}"."{table}" t')).fetchall()
                texts[table] = "\n".join(row for (row,) in rows)
        events = "\n".join(state for (state,) in await (await conn.execute(EVENTS)).fetchall())
    return texts | {"tenure_events": f"{texts['tenure_events']}\n{events}"}


def holding(dump: dict[str, str], secret: str) -> list[str]:
    """The tables that contain the secret: in any case, or as hexadecimal bytes."""
    forms = (secret.lower(), secret.encode().hex())
    return [table for table, text in dump.items() if any(form in text.lower() for form in forms)]
