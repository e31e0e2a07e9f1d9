"""The worker starts work that is due once, in order and within its limits, also when workers die or are cut off."""

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
from infra.eventlog.worker import WorkCommand, Worker
from infra.postgres import database
from infra.runtime.clock import utc_now
from infra.runtime.tasks import end_tasks
from infra.wiring.database import open_database
from tests.support.server import eventually

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass
class DueList:
    """The table without a log behind it: the test writes and removes the rows."""

    url: str
    started: list[UUID] = field(default_factory=list)
    parked: list[tuple[str, UUID, int, str, Cause]] = field(default_factory=list)

    async def run(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True, row_factory=dict_row) as conn:
            cur = await conn.execute(sql, args)
            return await cur.fetchall() if cur.description else []

    async def add(self, count: int, lane: str = "log", command: str = "do", at: datetime = LONG_AGO) -> list[UUID]:
        """Add `count` rows, each due a millisecond after the one before."""
        ids = [uuid4() for _ in range(count)]
        await self.run(
            "insert into work select %s, id, %s, %s + nth * '1 ms'::interval, %s + nth * '1 ms'::interval, 1, 0 "
            "from unnest(%s::uuid[]) with ordinality as new (id, nth)",
            *(command, lane, at, at, ids),
        )
        await self.run("notify tenure_work")
        return ids

    async def do(self, id: UUID, cause: Cause) -> None:
        """Start and finish at once: remove the row, as the follower would."""
        self.started.append(id)
        await self.run("delete from work where subject = %s", id)

    async def open_rows(self) -> list[dict[str, Any]]:
        return await self.run("select * from work where due_at < %s order by due_at", FAR)

    async def is_done(self) -> bool:
        return not await self.open_rows()


@pytest.fixture
async def due(database: str) -> AsyncIterator[DueList]:
    opened = await open_database(database)
    yield DueList(database)
    await opened.close()


@asynccontextmanager
async def working(url: str, commands: dict[str, WorkCommand], **options: Any) -> AsyncIterator[Worker]:
    """A worker with signals and a pool of its own, as in another process."""
    signals, pool = Signals(url), database.create_pool(url)
    await pool.open()
    settings: dict[str, Any] = {"lanes": {"log": 4, "engine": 4}, "clock": utc_now, "park": not_parked, **options}
    running = Worker(pool=pool, commands=commands, signals=signals, **settings)
    tasks = [asyncio.create_task(signals.run()), asyncio.create_task(running.run())]
    try:
        yield running
    finally:
        await end_tasks(tasks)
        await pool.close()


async def test_among_ten_thousand_timers_those_due_start_once_and_in_order(due: DueList) -> None:
    await due.add(10_000, at=FAR)
    async with working(due.url, {"do": due.do}, lanes={"log": 1}):
        later = await due.add(50, at=utc_now() + timedelta(milliseconds=200))
        sooner = await due.add(50, at=utc_now())
        await eventually(due.is_done)
    assert due.started == sooner + later


async def test_two_workers_share_what_is_due(due: DueList) -> None:
    async with working(due.url, {"do": due.do}), working(due.url, {"do": due.do}):
        ids = await due.add(300)
        await eventually(due.is_done)
    assert sorted(due.started) == sorted(ids)


async def test_a_lane_never_exceeds_its_limit_nor_waits_for_another_lane(due: DueList) -> None:
    concurrent: list[int] = []
    busy, finish = 0, asyncio.Event()

    async def slow(id: UUID, cause: Cause) -> None:
        nonlocal busy
        busy += 1
        concurrent.append(busy)
        await finish.wait()
        busy -= 1
        await due.do(id, cause)

    async with working(due.url, {"slow": slow, "do": due.do}, lanes={"log": 2, "engine": 3}):
        slow_ids = await due.add(10, lane="engine", command="slow")
        await eventually(lambda: reached(concurrent, 3))
        quick_ids = await due.add(10)
        await eventually(lambda: reached(due.started, 10))
        assert sorted(due.started) == sorted(quick_ids)
        finish.set()
        await eventually(due.is_done)
    assert max(concurrent) == 3
    assert sorted(due.started) == sorted(quick_ids + slow_ids)


async def test_failed_work_is_retried_later_each_time_with_its_error(due: DueList) -> None:
    time = LONG_AGO + timedelta(days=1)
    failures = iter([Unavailable("engine", "it is away"), ValueError("broken"), *[Unavailable("engine", "x")] * 8])
    waits = []

    async def fail(id: UUID, cause: Cause) -> None:
        raise next(failures)

    async with working(due.url, {"fail": fail}, clock=lambda: time) as running:
        await due.add(1, command="fail")
        for attempts, error in [(1, "it is away"), (2, "ValueError: broken"), *((n, "x") for n in range(3, 9))]:
            row = await eventually(lambda n=attempts, e=error: postponed(due, n, e))  # type: ignore[misc]
            waits.append((row["run_at"] - time).total_seconds())
            time = row["run_at"]
            running.signals.work.set()
    assert waits == [0.5, 1, 2, 4, 8, 15, 15, 15]


@pytest.mark.fault("F36")
async def test_work_that_always_fails_is_parked_after_its_tries(due: DueList, monkeypatch: pytest.MonkeyPatch) -> None:
    """What something else does not answer is tried for ever, and does not count."""
    monkeypatch.setattr(worker, "FIRST_RETRY", timedelta(milliseconds=1))
    monkeypatch.setattr(worker, "LAST_RETRY", timedelta(milliseconds=1))
    failures = iter([*[Unavailable("engine", "it is away")] * 5, *[ValueError("with a secret")] * 3])

    async def fail(id: UUID, cause: Cause) -> None:
        raise next(failures)

    async def park(*call: Any) -> None:
        due.parked.append(call)
        await due.run("delete from work")

    async with working(due.url, {"fail": fail}, park=park, max_failures=3):
        (id,) = await due.add(1, command="fail")
        await eventually(lambda: reached(due.parked, 1))
    ((command, subject, attempts, error, cause),) = due.parked
    assert (command, subject, attempts, error) == ("fail", id, 8, "ValueError")
    assert (cause.request_id, cause.caused_by) == ("fail/8", 1)


@pytest.mark.fault("F36")
async def test_work_that_cannot_be_parked_now_is_parked_later(due: DueList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "FIRST_RETRY", timedelta(milliseconds=1))
    monkeypatch.setattr(worker, "LAST_RETRY", timedelta(milliseconds=1))
    tries = []

    async def fail(id: UUID, cause: Cause) -> None:
        raise ValueError("broken")

    async def park(*call: Any) -> None:
        tries.append(call)
        if len(tries) < 3:
            raise Unavailable("database", "it does not answer")
        await due.run("delete from work")

    async with working(due.url, {"fail": fail}, park=park, max_failures=1):
        await due.add(1, command="fail")
        await eventually(due.is_done)
    assert [attempts for _, _, attempts, *_ in tries] == [1, 2, 3]


@pytest.mark.fault("F30")
async def test_work_of_a_newer_version_is_left_to_it(due: DueList) -> None:
    async with working(due.url, {"do": due.do}) as older:
        (newer,) = await due.add(1, command="of a newer version")
        (own,) = await due.add(1)
        await eventually(lambda: reached(due.started, 1))
        async with working(due.url, {"of a newer version": due.do}):
            await eventually(due.is_done)
        await eventually(lambda: connected(older))
    assert due.started == [own, newer]


async def test_the_work_of_a_dead_worker_is_taken_over_at_once(due: DueList) -> None:
    """Before its lease runs out: the clock does not move here."""
    started = []

    async def hang(id: UUID, cause: Cause) -> None:
        started.append(id)
        await asyncio.Event().wait()

    time = utc_now()
    async with working(due.url, {"do": hang}, clock=lambda: time):
        ids = await due.add(3)
        await eventually(lambda: reached(started, 3))
    async with working(due.url, {"do": due.do}, clock=lambda: time):
        await eventually(due.is_done)
    assert sorted(due.started) == sorted(started) == sorted(ids)


async def test_a_worker_that_loses_its_connection_keeps_its_work(due: DueList, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its leases bear the name of the lost connection; still the work is not started a second time."""
    monkeypatch.setattr(worker, "RENEW_INTERVAL_S", 0.1)
    started, finish = [], asyncio.Event()

    async def slow(id: UUID, cause: Cause) -> None:
        started.append(id)
        await finish.wait()
        raise Unavailable("engine", "and then it failed")

    async with working(due.url, {"do": slow}) as running:
        ids = await due.add(2)
        await eventually(lambda: reached(started, 2))
        before = running.signals.holder
        await due.run("select pg_terminate_backend(%s)", before)
        await eventually(lambda: held_by_another(due, before))
        async with working(due.url, {"do": slow}) as other:
            await eventually(lambda: connected(other))
            await eventually(lambda: connected(running))
        assert sorted(started) == sorted(ids)
        finish.set()
        await eventually(lambda: postponed(due, 1, "and then it failed"))


async def not_parked(*call: Any) -> None:
    raise AssertionError(f"nothing is parked here: {call}")


async def postponed(due: DueList, attempts: int, error: str) -> dict[str, Any] | None:
    row = (await due.open_rows())[0]
    expected = (attempts, error, None)
    return row if (row["attempts"], row["last_error"], row["holder"]) == expected else None


async def held_by_another(due: DueList, before: int) -> bool:
    return all(row["holder"] not in (None, before) for row in await due.open_rows())


async def connected(running: Worker) -> bool:
    return running.signals.connected


async def reached(items: list[Any], count: int) -> bool:
    return len(items) >= count
