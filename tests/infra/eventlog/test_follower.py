"""The follower: one at work however many there are, nothing skipped, nothing told before it can be read."""

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
from infra.eventlog.follower import FOLLOWING, Follower
from infra.eventlog.notifications import Signals
from infra.runtime.tasks import end
from infra.wiring.bootstrap import close, open_database
from infra.wiring.schema import rebuild
from projections import read_models
from projections.hub import Batch
from tests.infra.eventlog.test_event_store import workspace
from tests.support.server import Served, eventually, served
from tests.support.stream_client import Watcher


@dataclass
class Log:
    """A log that is followed, and what the followers told of it."""

    url: str
    platform: Platform
    told: list[Batch] = field(default_factory=list)
    readable: list[bool] = field(default_factory=list)

    async def tell(self, batch: Batch) -> None:
        self.told.append(batch)
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

    async def cut_off_who_follows(self) -> bool:
        """Whether there was somebody."""
        sql = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = %s and granted"
        return bool(await self.one(sql, FOLLOWING))


@pytest.fixture
async def log(database: str) -> AsyncIterator[Log]:
    platform, _, _ = await open_database(database)
    yield Log(database, platform)
    await asyncio.to_thread(close, platform)


@asynccontextmanager
async def following(log: Log) -> AsyncIterator[Follower]:
    """One more that follows, with a signal of its own, as in a process of its own."""
    signals = Signals(log.url)
    it = Follower(log.url, log.platform, signals, log.tell)
    tasks = [asyncio.create_task(signals.run()), asyncio.create_task(it.run())]
    try:
        yield it
    finally:
        await end(tasks)


def is_whole(told: list[Batch], last: int) -> bool:
    """Each batch begins where the one before it ended, and holds what is between."""
    ends = [0, *(batch.position for batch in told)]
    entries = [entry.position for batch in told for entry in batch.entries]
    return [batch.after for batch in told] == ends[:-1] and ends[-1] == last and entries == sorted(set(entries))


async def test_of_several_one_works_and_when_it_falls_out_another_goes_on(log: Log) -> None:
    async with following(log), following(log), following(log):
        for _ in range(4):
            writing = asyncio.create_task(log.write(50))
            await eventually(log.cut_off_who_follows)
            await writing
            await eventually(log.is_followed)
    # Who is cut off between storing and telling does not tell; listeners look that up (projections/hub.py).
    positions = [entry.position for batch in log.told for entry in batch.entries]
    assert len(positions) == len(set(positions))
    assert await log.one("select array_agg(position order by position) from trail") == list(range(1, 201))
    assert await log.one("select count(*) from workspaces") == 200


async def test_what_is_told_is_whole_and_can_be_read_already(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "BATCH", 7)
    await log.write(20)
    async with following(log):
        await log.write(20)
        await eventually(lambda: told_up_to(log, 40))
    assert is_whole(log.told, 40)
    assert all(log.readable)


async def test_without_a_notification_it_looks_by_itself(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "LOOK", 0.05)
    async with following(log) as it:
        await log.write(1)
        await eventually(log.is_followed)
        monkeypatch.setattr(it._signals.stored, "set", lambda: None)
        await log.write(1)
        await eventually(log.is_followed)


async def test_an_event_that_cannot_be_folded_stops_all_of_them_loudly_and_nothing_is_skipped(
    log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fold = read_models.advance
    broken = workspace(uuid4())

    async def advance(conn: Any, events: Any, positions: Any) -> Any:
        if any(event.originator_id == broken.id for event in events):
            raise ValueError("nobody knows what that is")
        return await fold(conn, events, positions)

    monkeypatch.setattr(read_models, "advance", advance)
    async with following(log) as one, following(log) as two:
        await log.write(3)
        await eventually(log.is_followed)
        await log.platform.commit(Cause(), broken)
        await log.write(3)
        await eventually(lambda: truth(one.failed and two.failed))
        assert await log.one("select failed from follower") == "ValueError after position 3"
        assert await log.position() == 3
    assert "CRITICAL" in {record.levelname for record in caplog.records}

    monkeypatch.setattr(read_models, "advance", fold)  # as a new version would
    async with following(log):
        await eventually(log.is_followed)
    assert await log.one("select failed from follower") is None
    assert await log.one("select count(*) from workspaces") == 7


async def test_a_follower_that_has_stopped_is_seen_by_health(tenure: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def advance(conn: Any, events: Any, positions: Any) -> Any:
        raise ValueError("nobody knows what that is")

    monkeypatch.setattr(read_models, "advance", advance)
    async with tenure.client() as alice:
        await alice.post("/api/v1/workspaces", json={"name": "a"})
        told = await eventually(lambda: unready(alice))
        assert told["parts"]["database"]["ok"] is True
        assert told["parts"]["follower"]["ok"] is False
        assert "ValueError" in told["parts"]["follower"]["error"]


async def test_read_models_are_folded_anew_while_tenure_is_at_work(database: str, tmp_path: Path) -> None:
    """Whoever reads sees old rows or new ones, never none, and nothing that happens meanwhile is lost."""
    async with served(database, tmp_path) as tenure, tenure.client() as alice, Watcher(alice) as watcher:
        stop = asyncio.Event()
        made = [await create(alice)]
        seen: set[str] = set()

        async def use() -> None:
            while not stop.is_set():
                made.append(await create(alice))
                rows = {row["id"] for row in (await alice.get("/api/v1/workspaces")).json()}
                # A read waits a second at most, so one during a long rebuild may be behind; it never loses rows.
                assert seen <= rows <= set(made)
                seen.update(rows)

        using = asyncio.create_task(use())
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
            for _ in range(3):
                await rebuild(conn, tenure.tenure.deps.http.platform)
        stop.set()
        await using
        await eventually(lambda: all_run(tenure, made))

        async def everything_is_told() -> list[int]:
            told = (await alice.get("/api/v1/audit/events", params={"limit": 1000})).json()["events"]
            return [entry["position"] for entry in told] if len(told) == 2 * len(made) else []  # requested, provisioned

        positions = await eventually(everything_is_told)
        assert await watcher.caught_up() == positions


async def create(client: httpx.AsyncClient) -> str:
    made = await client.post("/api/v1/workspaces", json={"name": "a"})
    assert made.status_code == 200, made.text
    id: str = made.json()["id"]
    return id


async def all_run(tenure: Served, made: list[str]) -> bool:
    return {str(id) for id in tenure.engine.machines} == set(made)


async def told_up_to(log: Log, position: int) -> bool:
    return bool(log.told) and log.told[-1].position >= position


async def truth(what: Any) -> Any:
    return what


async def unready(client: Any) -> Any:
    answer = await client.get("/health/ready")
    return answer.json() if answer.status_code == 503 else None
