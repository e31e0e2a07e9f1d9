"""Queries on read-model rows that never miss an acknowledged change.

One snapshot of the database answers a query: the rows, the position up to which they are folded, and the newest
position in the log. While the first position is behind the second, the query waits for the follower. It is refused
where that takes too long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields
from errno import ENOSPC
from typing import Any, Generic, TypeVar, cast

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from application.ports.errors import Unavailable
from domain.errors import Invalid
from projections import shape

Row = TypeVar("Row")
Answer = TypeVar("Answer")
FOLLOW_TIMEOUT_S = 5.0  # that a query waits for the follower; then it is refused
READ_TIMEOUT_S = 5.0  # then the database counts as unreachable
# The database is gone, or for a while not itself: starting, ending, or a standby that takes no writes.
DB_UNREACHABLE = (psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError)
DB_UNREACHABLE_MESSAGE = "the database does not answer; try again shortly"
DISK_FULL_MESSAGE = "the disk of the database is full, so nothing can be stored; free space on it, then try again"
DISK_FULL_RETRY_S = 30
OTHER_VERSION_MESSAGE = "this server is older than the lists in the database; ask another one, or upgrade this one"
BEHIND_MESSAGE = "the lists do not show the newest events yet; try again shortly"

SELECT_WITH_POSITIONS = """
select log.head as _head, follower.position as _position, answer.* from
    (select coalesce(max(notification_id), 0) as head from tenure_events) log
    cross join follower
    left join (select row_number() over () as _nth, question.* from ({}) question) answer on true
order by answer._nth
"""


class Position:
    """A position in the log that only grows, and that tasks can wait for."""

    def __init__(self) -> None:
        self.value = 0
        self._targets: dict[asyncio.Future[None], int] = {}

    def advance(self, value: int) -> None:
        """Raise the position to `value` and wake the tasks whose target it has reached. A lower value does nothing."""
        self.value = max(self.value, value)
        for waiter, target in list(self._targets.items()):
            if target <= self.value and not waiter.done():
                waiter.set_result(None)

    async def wait_for(self, target: int, timeout_s: float) -> bool:
        """Return True once the position is at `target`, or False after `timeout_s` seconds."""
        if self.value >= target:
            return True
        waiter = asyncio.get_running_loop().create_future()
        self._targets[waiter] = target
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
            return True
        except TimeoutError:
            return False
        finally:
            del self._targets[waiter]


@dataclass(frozen=True)
class QueryResult(Generic[Row]):
    """Rows, and the position of the log that they show: every event up to it is in them, and none after it."""

    rows: list[Row]
    position: int

    @property
    def first(self) -> Row | None:
        return self.rows[0] if self.rows else None


class Queries:
    """Runs every query on read models. Raises `Unavailable` while the database does not answer or they are behind."""

    def __init__(self, pool: AsyncConnectionPool[Any], followed: Position) -> None:
        self.pool, self.followed = pool, followed

    async def select(
        self, row_type: type[Row], sql: str, args: Sequence[Any] = (), *, wait: bool = True
    ) -> QueryResult[Row]:
        """Return the rows of a `select` whose columns are the fields of `row_type`, no older than this call.

        Raises `Unavailable` if the follower does not get that far within `FOLLOW_TIMEOUT_S`: older rows would deny what
        was acknowledged. `wait=False` returns the rows as they are. Whatever the follower waits for must use it, or
        both would wait for each other. Raises `Invalid` for an argument that PostgreSQL cannot store, such as a zero
        byte.
        """
        try:
            return await self._select(row_type, sql, args, wait)
        except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable, TypeError) as error:
            if await self._are_of_another_version():
                raise Unavailable("lists", OTHER_VERSION_MESSAGE) from error
            raise

    async def _are_of_another_version(self) -> bool:
        """Whether a newer version has replaced the read models by its own."""
        (record,) = await self._fetch("select shape from follower", ())
        return bool(record["shape"] != shape.own_shape().digest)

    async def _select(self, row_type: type[Row], sql: str, args: Sequence[Any], wait: bool) -> QueryResult[Row]:
        statement = SELECT_WITH_POSITIONS.format(sql)
        records = await self._fetch(statement, args)
        head = records[0]["_head"]
        if wait and records[0]["_position"] < head:
            await self.followed.wait_for(head, FOLLOW_TIMEOUT_S)
            records = await self._fetch(statement, args)
            if records[0]["_position"] < head:
                raise Unavailable("lists", BEHIND_MESSAGE)
        position = records[0]["_position"]
        rows = []
        for record in records:
            del record["_head"], record["_position"]
            if record.pop("_nth") is not None:  # None: the one record of an empty answer
                rows.append(to_row(row_type, record))
        return QueryResult(rows, position)

    async def _fetch(self, sql: str, args: Sequence[Any]) -> list[dict[str, Any]]:
        async def fetch(conn: AsyncConnection[Any]) -> list[dict[str, Any]]:
            async with conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql, args)
                return await cur.fetchall()

        try:
            return await run_query(self.pool, fetch)
        except psycopg.DataError as error:
            raise Invalid("something in the question cannot be stored, so it cannot be found") from error


def to_row(row_type: type[Row], record: dict[str, Any]) -> Row:
    """The row with the columns of a record. Columns that only a newer version knows are left out."""
    try:
        return row_type(**record)
    except TypeError:
        names = {field.name for field in fields(cast(Any, row_type))}
        return row_type(**{name: value for name, value in record.items() if name in names})


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error of the database, or one that caused it, says that its disk is full."""
    while error is not None:
        if isinstance(error, psycopg.errors.DiskFull) or getattr(error, "errno", None) == ENOSPC:
            return True
        error = error.__cause__
    return False


def unavailable(error: BaseException) -> Unavailable:
    """Return what to raise for an error of the database. It says so where the disk is full."""
    if is_disk_full(error):
        return Unavailable("database", DISK_FULL_MESSAGE, DISK_FULL_RETRY_S)
    return Unavailable("database", DB_UNREACHABLE_MESSAGE)


async def run_query(pool: AsyncConnectionPool[Any], ask: Callable[[AsyncConnection[Any]], Awaitable[Answer]]) -> Answer:
    """Run `ask(conn)` on a pooled connection. It may run twice, so `ask` must be idempotent.

    Raises `Unavailable` after `READ_TIMEOUT_S`, or when the database is unreachable.
    """
    task = asyncio.create_task(_run_with_retry(pool, ask))
    try:
        finished, _ = await asyncio.wait({task}, timeout=READ_TIMEOUT_S)
        if not finished:
            raise Unavailable("database", DB_UNREACHABLE_MESSAGE)
        return task.result()
    except DB_UNREACHABLE as error:
        raise unavailable(error) from error
    finally:
        task.cancel()  # not awaited: a database that hangs would hold the caller past the timeout


async def _run_with_retry(
    pool: AsyncConnectionPool[Any], ask: Callable[[AsyncConnection[Any]], Awaitable[Answer]]
) -> Answer:
    """Retry once if the connection turns out to be dead, such as one from before a restart of the database."""
    try:
        return await _run_on_fresh_plans(pool, ask)
    except PoolTimeout:
        raise
    except psycopg.OperationalError:
        await pool.check()  # drops every other dead connection, so the retry cannot get one
    return await _run_on_fresh_plans(pool, ask)


async def _run_on_fresh_plans(
    pool: AsyncConnectionPool[Any], ask: Callable[[AsyncConnection[Any]], Awaitable[Answer]]
) -> Answer:
    """Retry on another connection where this one has prepared a statement for tables that had other columns."""
    for _ in range(pool.max_size):
        async with pool.connection() as conn:
            try:
                return await ask(conn)
            except psycopg.errors.FeatureNotSupported:  # "cached plan must not change result type"
                await conn.close()  # the pool opens another one for it
    async with pool.connection() as conn:
        return await ask(conn)
