"""Reading rows so that nobody is surprised: who was told that something is stored will find it.

A question is answered from one snapshot of the database that holds the rows, the position up to which they are
folded, and the newest position in the log. Where the first is behind the second, the follower is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from application.ports.errors import Unavailable
from domain.errors import Invalid

Row = TypeVar("Row")
Answer = TypeVar("Answer")
FOLLOWING = 1.0  # seconds that the follower is waited for; then the answer is what there is
PATIENCE = 5.0  # seconds that the database is waited for
# It is gone, or not itself for a while: starting, ending, or a standby that takes no writes.
DB_UNREACHABLE = (psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError)
DB_UNREACHABLE_MESSAGE = "the database does not answer; try again shortly"

ASK = """
select log.head as _head, follower.position as _position, answer.* from
    (select coalesce(max(notification_id), 0) as head from tenure_events) log
    cross join follower
    left join (select row_number() over () as _nth, question.* from ({}) question) answer on true
order by answer._nth
"""


class Tide:
    """A position that only rises, and those who wait until it has reached theirs."""

    def __init__(self) -> None:
        self.level = 0
        self._waiting: dict[asyncio.Future[None], int] = {}

    def rise(self, to: int) -> None:
        self.level = max(self.level, to)
        for waiter, target in list(self._waiting.items()):
            if target <= self.level and not waiter.done():
                waiter.set_result(None)

    async def reach(self, target: int, seconds: float) -> bool:
        """Whether it came that far in time."""
        if self.level >= target:
            return True
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = target
        try:
            async with asyncio.timeout(seconds):
                await waiter
            return True
        except TimeoutError:
            return False
        finally:
            del self._waiting[waiter]


@dataclass(frozen=True)
class Found(Generic[Row]):
    rows: list[Row]
    position: int  # everything up to here is in the rows, and nothing after

    @property
    def first(self) -> Row | None:
        return self.rows[0] if self.rows else None


class Reads:
    """All queries go through here. `Unavailable` while the database does not answer."""

    def __init__(self, pool: AsyncConnectionPool[Any], followed: Tide) -> None:
        self.pool, self.followed = pool, followed

    async def find(self, row: type[Row], sql: str, args: Sequence[Any] = (), *, wait: bool = True) -> Found[Row]:
        """Rows of a `select` whose columns are the fields of `row`, no older than the question.

        Without `wait` as they are: for those whom the follower may be waiting for.
        """
        ask = ASK.format(sql)
        answer = await self._fetch(ask, args)
        head = answer[0]["_head"]
        if wait and answer[0]["_position"] < head:
            await self.followed.reach(head, FOLLOWING)
            answer = await self._fetch(ask, args)
        position = answer[0]["_position"]
        rows = []
        for found in answer:
            del found["_head"], found["_position"]
            if found.pop("_nth") is not None:
                rows.append(row(**found))
        return Found(rows, position)

    async def _fetch(self, sql: str, args: Sequence[Any]) -> list[dict[str, Any]]:
        async def ask(conn: AsyncConnection[Any]) -> list[dict[str, Any]]:
            async with conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql, args)
                return await cur.fetchall()

        try:
            return await answered(self.pool, ask)
        except psycopg.DataError as bad:
            raise Invalid("something in the question cannot be stored, so it cannot be found") from bad


async def answered(pool: AsyncConnectionPool[Any], ask: Callable[[AsyncConnection[Any]], Awaitable[Answer]]) -> Answer:
    """What `ask` makes of a connection; it may be called twice. `Unavailable` if that takes the database too long."""
    asking = asyncio.create_task(_asked(pool, ask))
    try:
        done, _ = await asyncio.wait({asking}, timeout=PATIENCE)
        if not done:
            raise Unavailable("database", DB_UNREACHABLE_MESSAGE)
        return asking.result()
    except DB_UNREACHABLE as gone:
        raise Unavailable("database", DB_UNREACHABLE_MESSAGE) from gone
    finally:
        asking.cancel()  # a database that hangs lets go of it slowly, and nobody waits for that


async def _asked(pool: AsyncConnectionPool[Any], ask: Callable[[AsyncConnection[Any]], Awaitable[Answer]]) -> Answer:
    """Asked once more if the first connection turns out to be from before the database went away."""
    try:
        async with pool.connection() as conn:
            return await ask(conn)
    except PoolTimeout:
        raise
    except psycopg.OperationalError:
        await pool.check()  # all of its kind go now, at once
    async with pool.connection() as conn:
        return await ask(conn)
