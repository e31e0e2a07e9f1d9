"""A read model: rows of one table, each folded from events by a pure function."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

import orjson
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

Row = TypeVar("Row", bound=Any)


def as_json(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as PostgreSQL's jsonb_populate_recordset takes them; times in them end in Z, as on every wire."""
    return orjson.dumps(rows, option=orjson.OPT_UTC_Z).decode()


class Table(Generic[Row]):
    """`Row` is a frozen dataclass whose fields are the columns; `id` among them is the primary key.

    `key` says which row an event is about (None: none), `evolve` what the row is after it (None: there is none).
    """

    def __init__(
        self,
        name: str,
        row: type[Row],
        ddl: str,
        evolve: Callable[[Row | None, Any], Row | None],
        key: Callable[[Any], Hashable | None] = lambda event: event.originator_id,
    ) -> None:
        self.name, self.row, self.ddl, self.evolve, self.key = name, row, ddl, evolve, key
        columns = [f.name for f in dataclasses.fields(row)]
        table = Identifier(name)
        self._select = SQL("select * from {} where id = any(%s)").format(table)
        self._delete = SQL("delete from {} where id = any(%s)").format(table)
        self._upsert = SQL(
            "insert into {0} select * from jsonb_populate_recordset(null::{0}, %s::jsonb) "
            "on conflict (id) do update set {1}"
        ).format(table, SQL(", ").join(SQL("{0} = excluded.{0}").format(Identifier(c)) for c in columns))

    async def look_up(self, conn: AsyncConnection[Any], events: Sequence[Any]) -> AsyncCursor[Row]:
        """Ask for the rows that the events are about, as they are stored."""
        wanted = list({key for key in map(self.key, events) if key is not None})
        return await conn.cursor(row_factory=class_row(self.row)).execute(self._select, (wanted,))

    async def fold(
        self, conn: AsyncConnection[Any], events: Sequence[Any], found: AsyncCursor[Row]
    ) -> list[tuple[Any, Any]]:
        """Apply the events, in order, to the rows found. Returns the row before and after each of them."""
        keys = [self.key(event) for event in events]
        stored = {row.id: row for row in await found.fetchall()}
        rows: dict[Any, Any] = dict(stored)
        seen: list[tuple[Any, Any]] = []
        for key, event in zip(keys, events, strict=True):
            before = rows.get(key)
            after = self.evolve(before, event) if key is not None else None
            if key is not None:
                rows[key] = after
            seen.append((before, after))
        changed = [vars(row) for key, row in rows.items() if row is not None and row != stored.get(key)]
        removed = [key for key in stored if rows[key] is None]
        if removed:
            await conn.execute(self._delete, (removed,))
        if changed:
            await conn.execute(self._upsert, (as_json(changed),))
        return seen
