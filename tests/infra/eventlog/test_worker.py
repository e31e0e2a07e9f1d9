"""The worker: what is due is begun once, in its order and within its bounds, whoever dies or loses a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from application.access import Cause
from application.ports.errors import Unavailable
from infra.eventlog import worker
from infra.eventlog.notifications import Signals
from infra.eventlog.worker import Command, Worker
from infra.postgres import database
from infra.runtime.tasks import end
from infra.wiring.bootstrap import close, now, open_database
from tests.support.server import eventually

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass
class DueList:
    """The table, without a log behind it: rows are written and removed by the test."""

    url: str
    begun: list[UUID] = field(default_factory=list)

    async def run(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True, row_factory=dict_row) as conn:
            cur = await conn.execute(sql, args)
            return await cur.fetchall() if cur.description else []

    async def add(self, count: int, lane: str = "log", command: str = "do", at: datetime = LONG_AGO) -> list[UUID]:
        """So many rows, each due a millisecond after the one before."""
        ids = [uuid4() for _ in range(count)]
        await self.run(
            "insert into work select %s, id, %s, %s + nth * '1 ms'::interval, %s + nth * '1 ms'::interval, 1, 0 "
            "from unnest(%s::uuid[]) with ordinality as new (id, nth)",
            *(command, lane, at, at, ids),
        )
        await self.run("notify tenure_work")
        return ids

    async def do(self, id: UUID, cause: Cause) -> None:
        """Begun, and done: as if its event had been folded at once."""
        self.begun.append(id)
        await self.run("delete from work where subject = %s", id)

    async def left(self) -> list[dict[str, Any]]:
        return await self.run("select * from work where due_at < %s order by due_at", FAR)

    async def is_done(self) -> bool:
        return not await self.left()


@pytest.fixture
async def due(database: str) -> AsyncIterator[DueList]:
    platform, _, _ = await open_database(database)
    yield DueList(database)
    await asyncio.to_thread(close, platform)


@asynccontextmanager
async def at_work(url: str, commands: dict[str, Command], **options: Any) -> AsyncIterator[Worker]:
    """A worker, as a process of its own would run it."""
    signals, pool = Signals(url), database.create_pool(url)
    await pool.open()
    given: dict[str, Any] = {"lanes": {"log": 4, "engine": 4}, "clock": now, **options}
    it = Worker(pool=pool, commands=commands, signals=signals, **given)
    tasks = [asyncio.create_task(signals.run()), asyncio.create_task(it.run())]
    try:
        yield it
    finally:
        await end(tasks)
        await pool.close()


async def test_among_ten_thousand_timers_each_that_is_due_is_begun_once_and_in_order(due: DueList) -> None:
    await due.add(10_000, at=FAR)
    async with at_work(due.url, {"do": due.do}, lanes={"log": 1}):
        later = await due.add(50, at=now() + timedelta(milliseconds=200))
        sooner = await due.add(50, at=now())
        await eventually(due.is_done)
    assert due.begun == sooner + later


async def test_two_workers_share_what_is_due(due: DueList) -> None:
    async with at_work(due.url, {"do": due.do}), at_work(due.url, {"do": due.do}):
        wanted = await due.add(300)
        await eventually(due.is_done)
    assert sorted(due.begun) == sorted(wanted)


async def test_no_more_at_once_than_its_lane_allows_and_no_lane_waits_for_another(due: DueList) -> None:
    at_once: list[int] = []
    busy, finish = 0, asyncio.Event()

    async def slow(id: UUID, cause: Cause) -> None:
        nonlocal busy
        busy += 1
        at_once.append(busy)
        await finish.wait()
        busy -= 1
        await due.do(id, cause)

    async with at_work(due.url, {"slow": slow, "do": due.do}, lanes={"log": 2, "engine": 3}):
        slow_ones = await due.add(10, lane="engine", command="slow")
        await eventually(lambda: reached(at_once, 3))
        quick = await due.add(10)
        await eventually(lambda: reached(due.begun, 10))
        assert sorted(due.begun) == sorted(quick)
        finish.set()
        await eventually(due.is_done)
    assert max(at_once) == 3
    assert sorted(due.begun) == sorted(quick + slow_ones)


async def test_what_fails_is_tried_again_later_each_time_and_says_why(due: DueList) -> None:
    time = LONG_AGO + timedelta(days=1)
    failures = iter([Unavailable("engine", "it is away"), ValueError("broken"), *[Unavailable("engine", "x")] * 8])
    waits = []

    async def fail(id: UUID, cause: Cause) -> None:
        raise next(failures)

    async with at_work(due.url, {"fail": fail}, clock=lambda: time) as it:
        await due.add(1, command="fail")
        for attempts, error in [(1, "it is away"), (2, "ValueError: broken"), *((n, "x") for n in range(3, 9))]:
            row = await eventually(lambda n=attempts, e=error: put_off(due, n, e))  # type: ignore[misc]
            waits.append((row["run_at"] - time).total_seconds())
            time = row["run_at"]
            it.signals.work.set()
    assert waits == [0.5, 1, 2, 4, 8, 15, 15, 15]


async def test_what_a_dead_worker_had_in_hand_is_taken_over_at_once(due: DueList) -> None:
    """Not when its lease runs out: the clock does not move here."""
    begun = []

    async def hang(id: UUID, cause: Cause) -> None:
        begun.append(id)
        await asyncio.Event().wait()

    time = now()
    async with at_work(due.url, {"do": hang}, clock=lambda: time):
        wanted = await due.add(3)
        await eventually(lambda: reached(begun, 3))
    async with at_work(due.url, {"do": due.do}, clock=lambda: time):
        await eventually(due.is_done)
    assert sorted(due.begun) == sorted(begun) == sorted(wanted)


async def test_who_loses_a_connection_keeps_what_is_in_hand(due: DueList, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its leases bear the name of the connection that was lost, and yet nobody begins the work a second time."""
    monkeypatch.setattr(worker, "RENEW", 0.1)
    begun, finish = [], asyncio.Event()

    async def slow(id: UUID, cause: Cause) -> None:
        begun.append(id)
        await finish.wait()
        raise Unavailable("engine", "and then it failed")

    async with at_work(due.url, {"do": slow}) as it:
        wanted = await due.add(2)
        await eventually(lambda: reached(begun, 2))
        before = it.signals.holder
        await due.run("select pg_terminate_backend(%s)", before)
        await eventually(lambda: held_by_another(due, before))
        async with at_work(due.url, {"do": slow}) as other:
            await eventually(lambda: connected(other))
            await eventually(lambda: connected(it))
        assert sorted(begun) == sorted(wanted)
        finish.set()
        await eventually(lambda: put_off(due, 1, "and then it failed"))


async def put_off(due: DueList, attempts: int, error: str) -> dict[str, Any] | None:
    row = (await due.left())[0]
    wanted = (attempts, error, None)
    return row if (row["attempts"], row["last_error"], row["holder"]) == wanted else None


async def held_by_another(due: DueList, before: int) -> bool:
    return all(row["holder"] not in (None, before) for row in await due.left())


async def connected(it: Worker) -> bool:
    return it.signals.connected


async def reached(what: list[Any], count: int) -> bool:
    return len(what) >= count
