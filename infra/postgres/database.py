"""Opens connections to PostgreSQL: single ones, and pools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

Answer = TypeVar("Answer")

CONNECT_TIMEOUT_S = 5
# Of TCP connections, as libpq takes them: a network that drops packets is noticed within some ten seconds. Without
# them a connection that nobody sends on would look alive for hours.
KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 2,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
POOL_WAIT_S = 3  # for a free connection; then `PoolTimeout`
# After this a pool gives up and begins anew at the next request. By default it would back off for 5 minutes, and stay
# away for long after the database is back.
RECONNECT_TIMEOUT_S = 1.0


async def connect(url: str) -> AsyncConnection[Any]:
    """Return one connection in autocommit mode; the caller closes it. Raises `psycopg.OperationalError`."""
    options: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, **KEEPALIVES}
    return await psycopg.AsyncConnection.connect(url, autocommit=True, **options)


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


@asynccontextmanager
async def try_lock(url: str, lock: int) -> AsyncIterator[bool]:
    """Hold an advisory lock on a connection of its own until the block is left; yields False if another one has it.

    No transaction is open meanwhile, and no connection of a pool is in use: the block may wait for engines.
    """
    async with connection(url) as conn:
        cur = await conn.execute("select pg_try_advisory_lock(%s)", (lock,))
        (locked,) = await cur.fetchone() or (False,)
        yield bool(locked)


async def answer_within(timeout_s: float, conn: AsyncConnection[Any], answer: Coroutine[Any, Any, Answer]) -> Answer:
    """Await what this connection is asked for. After `timeout_s` the connection is closed.

    Raises `psycopg.OperationalError` then. `asyncio.timeout` would not do: psycopg answers its cancellation by asking
    the server to cancel the query, and waits for that server another ten seconds.
    """
    task = asyncio.ensure_future(answer)
    try:
        finished, _ = await asyncio.wait({task}, timeout=timeout_s)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if finished:
        return task.result()
    task.cancel()
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # marks its error as retrieved
    await asyncio.sleep(0)  # or its socket would be closed while the loop still waits for it
    await conn.close()
    raise psycopg.OperationalError(f"the database has not answered within {timeout_s:g} s")


def create_pool(url: str, size: int = 10) -> AsyncConnectionPool[Any]:
    """Return a pool of 2 to `size` connections in autocommit mode. It is not open yet: `await pool.open()`."""
    return AsyncConnectionPool(
        url,
        min_size=2,
        max_size=size,
        timeout=POOL_WAIT_S,
        reconnect_timeout=RECONNECT_TIMEOUT_S,
        open=False,
        kwargs={"autocommit": True, "connect_timeout": CONNECT_TIMEOUT_S, **KEEPALIVES},
    )
