"""A read model: the rows of one table, each folded from events by a pure function."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import orjson
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

Row = TypeVar("Row", bound=Any)


def to_jsonb(rows: Sequence[Mapping[str, Any]]) -> str:
    """Encode rows as PostgreSQL's `jsonb_populate_recordset` takes them. Times end in Z, as in every contract."""
    return orjson.dumps(rows, option=orjson.OPT_UTC_Z).decode()


class Table(Generic[Row]):
    """A table whose columns are the fields of `row_type`, a frozen dataclass; `id` is the primary key.

    `key(event)` is the id of the row that an event concerns, or None. `evolve(row, event)` is the row after the event;
    None stands for no row.
    """

    def __init__(
        self,
        name: str,
        row_type: type[Row],
        ddl: str,
        evolve: Callable[[Row | None, Any], Row | None],
        key: Callable[[Any], Hashable | None] = lambda event: event.originator_id,
    ) -> None:
        self.name, self.row_type, self.ddl, self.evolve, self.key = name, row_type, ddl, evolve, key
        columns = [f.name for f in dataclasses.fields(row_type)]
        table = Identifier(name)
        self._select = SQL("select * from {} where id = any(%s)").format(table)
        self._delete = SQL("delete from {} where id = any(%s)").format(table)
        self._upsert = SQL(
            "insert into {0} select * from jsonb_populate_recordset(null::{0}, %s::jsonb) "
            "on conflict (id) do update set {1}"
        ).format(table, SQL(", ").join(SQL("{0} = excluded.{0}").format(Identifier(c)) for c in columns))

    async def select_stored(self, conn: AsyncConnection[Any], events: Sequence[Any]) -> AsyncCursor[Row]:
        """Start reading the rows that the events concern. `fold` awaits them, so several tables share a round trip."""
        ids = list({key for key in map(self.key, events) if key is not None})
        return await conn.cursor(row_factory=class_row(self.row_type)).execute(self._select, (ids,))

    async def fold(
        self, conn: AsyncConnection[Any], events: Sequence[Any], stored_rows: AsyncCursor[Row]
    ) -> list[tuple[Any, Any]]:
        """Apply the events, in order, and write what has changed. Returns the row before and after each event."""
        keys = [self.key(event) for event in events]
        stored = {row.id: row for row in await stored_rows.fetchall()}
        rows: dict[Any, Any] = dict(stored)
        changes: list[tuple[Any, Any]] = []
        for key, event in zip(keys, events, strict=True):
            before = rows.get(key)
            after = self.evolve(before, event) if key is not None else None
            if key is not None:
                rows[key] = after
            changes.append((before, after))
        changed = [vars(row) for key, row in rows.items() if row is not None and row != stored.get(key)]
        removed = [key for key in stored if rows[key] is None]
        if removed:
            await conn.execute(self._delete, (removed,))
        if changed:
            await conn.execute(self._upsert, (to_jsonb(changed),))
        return changes
