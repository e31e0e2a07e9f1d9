"""Opening the database: its schema is brought up to date first."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from application.platform import Platform
from infra.eventlog.event_store import close_platform, open_platform
from infra.eventlog.last_event import PostgresLastEventReader
from infra.postgres import database
from infra.runtime.home import CannotStart
from infra.wiring import schema

log = logging.getLogger(__name__)
CONNECT_TIMEOUT_S = 30.0  # at the start: a database that starts at the same time takes a while
RETRY_INTERVAL_S = 1.0


@dataclass(frozen=True)
class Database:
    """A database whose schema fits, with the event log in it."""

    url: str
    platform: Platform
    installation_id: UUID  # labels whatever this installation makes on an engine
    refolded: bool  # the read models were folded anew when the database was opened

    async def close(self) -> None:
        reader = self.platform.last_event_reader
        if isinstance(reader, PostgresLastEventReader):
            await reader.close()
        await asyncio.to_thread(close_platform, self.platform)


async def open_database(url: str) -> Database:
    """Open the event log, and make or change the schema where that is needed, one process at a time.

    Raises `CannotStart` if the database does not answer within `CONNECT_TIMEOUT_S`.
    """
    conn = await connect(url)
    try:
        await conn.execute("select pg_advisory_lock(%s)", (schema.SCHEMA_LOCK,))
        platform = await asyncio.to_thread(open_platform, url)
        try:
            refolded = await schema.migrate(conn, platform)
            return Database(url, platform, await schema.installation_id(conn), refolded)
        except BaseException:
            await asyncio.to_thread(close_platform, platform)  # its threads would keep the process from ending
            raise
    finally:
        await conn.close()


async def connect(url: str) -> psycopg.AsyncConnection[Any]:
    """Connect, and try again until `CONNECT_TIMEOUT_S` have passed."""
    deadline = asyncio.get_running_loop().time() + CONNECT_TIMEOUT_S
    while True:
        try:
            return await database.connect(url)
        except psycopg.OperationalError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise CannotStart(f"The database does not answer: {str(error).strip()}") from error
            log.warning("waiting for the database", extra={"because": str(error).strip()})
        await asyncio.sleep(RETRY_INTERVAL_S)
