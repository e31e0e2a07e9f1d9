"""The follower: one works however many run, it skips nothing, and publishes nothing before it can be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from application.access import Cause
from application.platform import Platform
from infra.eventlog import follower
from infra.eventlog.follower import FOLLOWER_LOCK, Follower
from infra.eventlog.notifications import Signals
from infra.postgres.database import connection, create_pool
from infra.runtime.tasks import end_tasks
from infra.wiring.database import open_database
from infra.wiring.schema import rebuild
from projections import read_models, shape, trail
from projections.hub import Batch
from projections.query import Position, Queries
from projections.shape import Shape
from tests.infra.eventlog.test_event_store import workspace
from tests.support.server import Served, eventually, served
from tests.support.stream_client import Watcher


@dataclass
class Log:
    """A log that is followed, and the batches that its followers published."""

    url: str
    platform: Platform
    batches: list[Batch] = field(default_factory=list)
    readable: list[bool] = field(default_factory=list)

    async def publish(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.readable.append(await self.position() >= batch.position)

    async def write(self, count: int) -> None:
        for _ in range(count):
            await self.platform.commit(Cause(), workspace())

    async def one(self, sql: str, *args: Any) -> Any:
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as conn:
            row = await (await conn.execute(sql, args)).fetchone()
            return row and row[0]

    async def position(self) -> int:
        position: int = await self.one("select position from follower")
        return position

    async def is_followed(self) -> bool:
        return bool(await self.one("select position = (select max(notification_id) from tenure_events) from follower"))

    async def disconnect_follower(self) -> bool:
        """Cut the connection of the follower at work. Returns whether there was one."""
        sql = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = %s and granted"
        return bool(await self.one(sql, FOLLOWER_LOCK))


@pytest.fixture
async def log(database: str) -> AsyncIterator[Log]:
    opened = await open_database(database)
    yield Log(database, opened.platform)
    await opened.close()


@asynccontextmanager
async def following(log: Log) -> AsyncIterator[Follower]:
    """One more follower, with signals of its own, as in another process."""
    signals = Signals(log.url)
    running = Follower(log.url, log.platform, signals, log.publish)
    tasks = [asyncio.create_task(signals.run()), asyncio.create_task(running.run())]
    try:
        yield running
    finally:
        await end_tasks(tasks)


def is_complete(batches: list[Batch], last: int) -> bool:
    """Whether each batch begins where the one before it ended, and holds every entry between."""
    ends = [0, *(batch.position for batch in batches)]
    entries = [entry.position for batch in batches for entry in batch.entries]
    return [batch.after for batch in batches] == ends[:-1] and ends[-1] == last and entries == sorted(set(entries))


async def test_of_several_followers_one_works_and_another_takes_over_when_it_loses_its_connection(log: Log) -> None:
    async with following(log), following(log), following(log):
        for _ in range(4):
            writing = asyncio.create_task(log.write(50))
            await eventually(log.disconnect_follower)
            await writing
            await eventually(log.is_followed)
    # A follower that is cut off between commit and publication does not publish; the hub looks that batch up.
    positions = [entry.position for batch in log.batches for entry in batch.entries]
    assert len(positions) == len(set(positions))
    assert await log.one("select array_agg(position order by position) from trail") == list(range(1, 201))
    assert await log.one("select count(*) from workspaces") == 200


async def test_published_batches_are_complete_and_can_be_read_already(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BATCH_EVENTS", 7)
    await log.write(20)
    async with following(log):
        await log.write(20)
        await eventually(lambda: published_up_to(log, 40))
    assert is_complete(log.batches, 40)
    assert all(log.readable)


async def test_without_a_notification_it_polls(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "POLL_INTERVAL_S", 0.05)
    async with following(log) as running:
        await log.write(1)
        await eventually(log.is_followed)
        monkeypatch.setattr(running._signals.stored, "set", lambda: None)
        await log.write(1)
        await eventually(log.is_followed)


async def test_an_event_that_cannot_be_folded_stops_all_followers_and_nothing_is_skipped(
    log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fold = read_models.advance
    broken = workspace(uuid4())

    async def advance(conn: Any, events: Any, positions: Any) -> Any:
        if any(event.originator_id == broken.id for event in events):
            raise ValueError("this event cannot be folded")
        return await fold(conn, events, positions)

    monkeypatch.setattr(read_models, "advance", advance)
    async with following(log) as one, following(log) as two:
        await log.write(3)
        await eventually(log.is_followed)
        await log.platform.commit(Cause(), broken)
        await log.write(3)
        await eventually(lambda: both_failed(one, two))
        assert await log.one("select failed from follower") == "ValueError after position 3"
        assert await log.position() == 3
    assert "CRITICAL" in {record.levelname for record in caplog.records}

    monkeypatch.setattr(read_models, "advance", fold)  # as a fixed version would
    async with following(log):
        await eventually(log.is_followed)
    assert await log.one("select failed from follower") is None
    assert await log.one("select count(*) from workspaces") == 7


async def test_health_reports_a_follower_that_has_stopped(tenure: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def advance(conn: Any, events: Any, positions: Any) -> Any:
        raise ValueError("this event cannot be folded")

    monkeypatch.setattr(read_models, "advance", advance)
    async with tenure.client() as alice:
        await alice.post("/api/v1/workspaces", json={"name": "a"})
        health = await eventually(lambda: unready(alice))
        assert health["parts"]["database"]["ok"] is True
        assert health["parts"]["follower"]["ok"] is False
        assert "ValueError" in health["parts"]["follower"]["error"]


async def test_read_models_are_rebuilt_while_tenure_is_in_use(database: str, tmp_path: Path) -> None:
    """Readers see old rows or new ones, never none, and no event that is stored meanwhile is lost."""
    async with served(database, tmp_path, quotas=False) as tenure, tenure.client() as alice, Watcher(alice) as watcher:
        stop = asyncio.Event()
        ids = [await create(alice)]
        listed: set[str] = set()

        async def use() -> None:
            while not stop.is_set():
                ids.append(await create(alice))
                rows = {row["id"] for row in (await alice.get("/api/v1/workspaces")).json()}
                # A read waits a second at most, so one during a long rebuild may be behind; it never loses rows.
                assert listed <= rows <= set(ids)
                listed.update(rows)

        using = asyncio.create_task(use())
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
            for _ in range(3):
                await rebuild(conn, tenure.tenure.deps.http.platform)
        stop.set()
        await using
        await eventually(lambda: all_run(tenure, ids))

        async def all_positions() -> list[int]:
            events = (await alice.get("/api/v1/audit/events", params={"limit": 1000})).json()["events"]
            complete = len(events) == 2 * len(ids)  # requested, provisioned
            return [event["position"] for event in events] if complete else []

        positions = await eventually(all_positions)
        assert await watcher.caught_up() == positions


NEWER = Shape("9.0", "f" * 64)
OLDER = Shape("0.0.1", "e" * 64)
# What the follower of 0.1 and its start write, on rows that they take for their own.
STATEMENTS_OF_0_1 = (
    "update follower set position = 7, failed = null",
    "update follower set failed = 'ValueError after position 7'",
    "update follower set position = 0, shape = 'of 0.1', failed = null",
)


async def fold_once(log: Log) -> Batch | None:
    """Let a new follower of this process's shape fold what there is."""
    async with connection(log.url) as conn:
        await conn.execute(read_models.SET_SHAPE, (shape.own_shape().digest,))
        return await Follower(log.url, log.platform, Signals(log.url), log.publish)._fold(conn)


async def stored(log: Log) -> Shape:
    async with connection(log.url) as conn:
        return await read_models.stored_shape(conn)


def become(monkeypatch: pytest.MonkeyPatch, other: Shape) -> None:
    """From now on this process is of another version."""
    monkeypatch.setattr(shape, "own_shape", lambda: other)


@pytest.mark.fault("F30")
async def test_a_follower_stands_by_where_a_newer_version_has_replaced_the_read_models(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.write(1)
    assert await fold_once(log)
    with monkeypatch.context() as newer:
        become(newer, NEWER)
        opened = await open_database(log.url)
        assert opened.refolded
        await opened.close()
    await log.write(1)
    assert await fold_once(log) is None
    assert await log.position() == 1
    with monkeypatch.context() as newer:
        become(newer, NEWER)
        assert await fold_once(log)
    assert await log.position() == 2


@pytest.mark.fault("F30")
@pytest.mark.parametrize("late", [OLDER, Shape("", "e" * 64)])
async def test_an_older_process_that_starts_late_does_not_fold_back(
    log: Log, monkeypatch: pytest.MonkeyPatch, late: Shape
) -> None:
    before = await stored(log)
    await log.write(1)
    with monkeypatch.context() as older:
        become(older, late)
        opened = await open_database(log.url)
        assert not opened.refolded
        await opened.close()
        assert await fold_once(log) is None
    assert await stored(log) == before == shape.own_shape()


@pytest.mark.fault("F30")
@pytest.mark.parametrize("statement", STATEMENTS_OF_0_1)
async def test_a_process_of_0_1_writes_no_read_models_and_tries_again(log: Log, statement: str) -> None:
    """0.1 takes an operational error for a database that does not answer. Other errors would end it."""
    async with connection(log.url) as conn:
        with pytest.raises(psycopg.OperationalError, match="the lists are those of Tenure"):
            await conn.execute(statement)
    assert await stored(log) == shape.own_shape()


@pytest.mark.fault("F30")
async def test_a_rebuild_by_hand_goes_back_to_an_older_version(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        become(older, OLDER)
        async with connection(log.url) as conn:
            await rebuild(conn, log.platform)
    assert await stored(log) == OLDER


@pytest.mark.fault("F30")
def test_a_shape_covers_how_rows_are_folded() -> None:
    source = (shape.ROOT / "projections" / "workspaces.py").read_text()
    assert "def " in source and source not in read_models.DDL["workspaces"]
    folded = {path.relative_to(shape.ROOT).as_posix() for path in shape.sources()}
    assert {"projections/workspaces.py", "projections/trail.py", "domain/workspace.py"} <= folded
    assert {f"application/processes/{name}.py" for name in ("work", "workspace_life")} <= folded
    assert "projections/query.py" not in folded


@pytest.mark.fault("F30")
def test_versions_are_compared_by_their_numbers() -> None:
    assert Shape("0.9.1", "a").is_older_than("0.10.0")
    assert not Shape("0.10.0", "a").is_older_than("0.9.1")
    assert not Shape("0.2.0", "a").is_older_than("0.2.0")
    assert not Shape("0.1.0", "a").is_older_than("")


async def create(client: httpx.AsyncClient) -> str:
    response = await client.post("/api/v1/workspaces", json={"name": "a"})
    assert response.status_code == 200, response.text
    id: str = response.json()["id"]
    return id


async def all_run(tenure: Served, ids: list[str]) -> bool:
    return {str(id) for id in tenure.engine.machines} == set(ids)


async def published_up_to(log: Log, position: int) -> bool:
    return bool(log.batches) and log.batches[-1].position >= position


async def both_failed(one: Follower, other: Follower) -> bool:
    return bool(one.failed and other.failed)


async def unready(client: Any) -> Any:
    response = await client.get("/health/ready")
    return response.json() if response.status_code == 503 else None


@pytest.mark.fault("F30")
async def test_lists_are_read_on_after_a_newer_version_has_added_a_column(log: Log) -> None:
    """Also by statements that this process has prepared before."""
    pool = create_pool(log.url)
    await pool.open()
    try:
        await log.write(1)
        await fold_once(log)
        queries = Queries(pool, Position())
        for _ in range(20):  # psycopg prepares what is asked often
            await trail.page(queries, trail.Filter(), 0, 10)
        async with connection(log.url) as conn:
            await conn.execute("alter table trail add column of_a_newer_version text default 'x'")
        page = await trail.page(queries, trail.Filter(), 0, 10)
        assert [entry.kind for entry in page.rows] == ["workspace.requested"]
    finally:
        await pool.close()
