"""Reads the newest event of a stream on a connection of its own.

A claim is checked at every key press, so this bypasses the pool. Measured on two busy cores: 0.2 ms; 0.6 ms through
the pool, 2.3 ms through the library's recorder in a thread.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent

from application.ports.errors import Unavailable
from infra.postgres import database

LAST_EVENT = """
select originator_version, topic, state from tenure_events where originator_id = %s
order by originator_version desc limit 1
"""


class PostgresLastEventReader:
    """The `LastEventReader` of `application.platform`. Reconnects after a lost connection."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._conn: psycopg.AsyncConnection[Any] | None = None
        self._connecting = asyncio.Lock()

    async def read(self, id: UUID) -> StoredEvent | None:
        """Return the newest event of the stream `id`, or None if it has none.

        Raises `Unavailable` while the database does not answer.
        """
        try:
            try:
                return await self._select(id)
            except psycopg.OperationalError:
                return await self._select(id)  # on a new connection: the old one may have been lost while idle
        except psycopg.OperationalError as error:
            raise Unavailable("database", "the database does not answer; try again shortly") from error

    async def _select(self, id: UUID) -> StoredEvent | None:
        cur = await (await self._connection()).execute(LAST_EVENT, (id,), prepare=True)
        row = await cur.fetchone()
        return StoredEvent(id, row[0], row[1], bytes(row[2])) if row else None

    async def _connection(self) -> psycopg.AsyncConnection[Any]:
        async with self._connecting:
            if self._conn is None or self._conn.closed:
                self._conn = await database.connect(self._url)
            return self._conn

    async def close(self) -> None:
        """Close the connection, if one is open."""
        if self._conn:
            with suppress(psycopg.Error):
                await self._conn.close()
