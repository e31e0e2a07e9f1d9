"""People: which user is behind which identity. Rows, not events: deleting a person deletes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ports import Ids
from projections.reads import answered

DDL = """
create table if not exists identities (
    scheme text not null,
    subject text not null,
    user_id uuid not null,
    known_since timestamptz not null default now(),
    primary key (scheme, subject)
);
create index if not exists identities_user on identities (user_id);
"""
IDENTIFY = """
with made as (
    insert into identities (scheme, subject, user_id) values (%(scheme)s, %(subject)s, %(id)s)
    on conflict do nothing returning user_id
)
select user_id from made union all
select user_id from identities where scheme = %(scheme)s and subject = %(subject)s
"""
REMEMBERED = 10_000  # identities; an identity's user never changes


class Accounts:
    """The `People` port on PostgreSQL."""

    def __init__(self, pool: AsyncConnectionPool[Any], ids: Ids) -> None:
        self._pool, self._ids = pool, ids
        self._known: dict[tuple[str, str], UUID] = {}

    async def identify(self, scheme: str, subject: str) -> UUID:
        known = self._known.get((scheme, subject))
        if known is None:
            known = await self._look_up(scheme, subject)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[scheme, subject] = known
        return known

    async def _look_up(self, scheme: str, subject: str) -> UUID:
        asked = {"scheme": scheme, "subject": subject, "id": self._ids()}
        while not (rows := await self._rows(IDENTIFY, asked)):
            pass  # somebody else inserted it just now: it is there at the second look
        found: UUID = rows[0][0]
        return found

    async def find(self, scheme: str, subject: str) -> UUID | None:
        sql = "select user_id from identities where scheme = %s and subject = %s"
        rows = await self._rows(sql, (scheme, subject))
        return rows[0][0] if rows else None

    async def names(self, scheme: str, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        sql = "select user_id, subject from identities where scheme = %s and user_id = any(%s)"
        return dict(await self._rows(sql, (scheme, list(user_ids))))

    async def _rows(self, sql: str, args: Any) -> list[Any]:
        async def ask(conn: AsyncConnection[Any]) -> list[Any]:
            return await (await conn.execute(sql, args)).fetchall()

        return await answered(self._pool, ask)
