"""Opens connections to PostgreSQL: single ones, and pools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

CONNECT_TIMEOUT_S = 5
POOL_WAIT_S = 3  # for a free connection; then `PoolTimeout`
# After this a pool gives up and begins anew at the next request. By default it would back off for 5 minutes, and stay
# away for long after the database is back.
RECONNECT_TIMEOUT_S = 1.0


async def connect(url: str) -> AsyncConnection[Any]:
    """Return one connection in autocommit mode; the caller closes it. Raises `psycopg.OperationalError`."""
    return await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection as of `connect` until the block is left. One that is lost by then is closed without an error.

    Locks of the session are freed with it.
    """
    conn = await connect(url)
    try:
        yield conn
    finally:
        with suppress(Exception):
            await conn.close()


async def try_transaction_lock(conn: AsyncConnection[Any], lock: int) -> bool:
    """Take an advisory lock until the transaction ends. Returns False, without waiting, if another session has it."""
    cur = await conn.execute("select pg_try_advisory_xact_lock(%s)", (lock,))
    (locked,) = await cur.fetchone() or (False,)
    return bool(locked)


def create_pool(url: str, size: int = 10) -> AsyncConnectionPool[Any]:
    """Return a pool of 2 to `size` connections in autocommit mode. It is not open yet: `await pool.open()`."""
    return AsyncConnectionPool(
        url,
        min_size=2,
        max_size=size,
        timeout=POOL_WAIT_S,
        reconnect_timeout=RECONNECT_TIMEOUT_S,
        open=False,
        kwargs={"autocommit": True, "connect_timeout": CONNECT_TIMEOUT_S},
    )
