"""Opens connections to PostgreSQL: single ones, and pools."""

from __future__ import annotations

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
