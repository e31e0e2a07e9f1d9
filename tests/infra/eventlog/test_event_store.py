"""The event store commits many writers in groups, and a reader that follows the log misses nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import PersistenceError, StoredEvent

from application.access import Cause
from application.platform import ConcurrentUpdate, Platform
from application.ports.errors import Unavailable
from domain.workspace import Workspace
from infra.eventlog.event_store import GroupWriter
from infra.postgres import embedded as embedded_postgres
from infra.postgres import postmaster
from tests.support.databases import platform_on

T0 = datetime(2030, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


def workspace(id: UUID | None = None) -> Workspace:
    return Workspace.request(
        id=id or uuid4(),
        owner_id=uuid4(),
        name="a",
        template=None,
        provider="fake",
        ttl_seconds=3600,
        max_term=YEAR,
        now=T0,
    )


async def version_of(platform: Platform, id: UUID) -> int:
    return (await platform.load(Workspace, id)).version


async def test_a_reader_misses_nothing_while_32_writers_store(database: str) -> None:
    """The writers of four processes. Some reuse an id, which fails and leaves a gap in the positions."""
    with platform_on(database) as a, platform_on(database) as b, platform_on(database) as c, platform_on(database) as d:
        writing = asyncio.Event()

        async def write(platform: Platform, used_id: UUID) -> None:
            for nth in range(25):
                await platform.commit(Cause(), workspace(), workspace(), workspace())
                if nth % 5 == 0:
                    with pytest.raises(ConcurrentUpdate):
                        await platform.commit(Cause(), workspace(), workspace(used_id))

        async def read_along() -> list[int]:
            positions: list[int] = []
            async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
                while True:
                    last_look = not writing.is_set()
                    cur = await conn.execute(
                        "select notification_id from tenure_events where notification_id > %s order by 1",
                        (positions[-1] if positions else 0,),
                    )
                    positions += [position for (position,) in await cur.fetchall()]
                    if last_look:
                        return positions

        first = workspace()
        await a.commit(Cause(), first)
        writing.set()
        reading = asyncio.create_task(read_along())
        async with asyncio.TaskGroup() as writers:
            for platform in (a, b, c, d):
                for _ in range(8):
                    writers.create_task(write(platform, first.id))
        writing.clear()
        positions = await reading

        async with await psycopg.AsyncConnection.connect(database) as conn:
            cur = await conn.execute("select notification_id from tenure_events order by 1")
            stored = [position for (position,) in await cur.fetchall()]
        assert len(stored) == 1 + 32 * 25 * 3
        assert stored[-1] > len(stored)  # there are gaps, for which no reader may wait
        assert positions == stored


async def test_a_conflict_in_a_group_fails_only_its_own_call(database: str) -> None:
    with platform_on(database) as platform:
        existing = workspace()
        await platform.commit(Cause(), existing)
        async with await psycopg.AsyncConnection.connect(database) as locker:
            await locker.execute("lock table tenure_events in exclusive mode")
            # The first waits for the lock and keeps the writer busy, so that all others form one group.
            first = asyncio.create_task(platform.commit(Cause(), workspace()))
            await wait_for_a_blocked_lock(database)
            good = [workspace() for _ in range(10)]
            bad = [workspace(existing.id), workspace(good[0].id)]
            commits = [asyncio.create_task(platform.commit(Cause(), each)) for each in [*good, *bad]]
            await asyncio.sleep(0)  # all of them are in the queue
        answers = await asyncio.gather(*commits, return_exceptions=True)
        await first
        assert answers[:10] == [None] * 10
        assert [type(answer) for answer in answers[10:]] == [ConcurrentUpdate, ConcurrentUpdate]
        assert [await version_of(platform, each.id) for each in good] == [1] * 10


async def test_concurrent_changes_of_one_aggregate_all_succeed(database: str) -> None:
    with platform_on(database) as a, platform_on(database) as b:
        shared = workspace()
        await a.commit(Cause(), shared)

        async def extend(platform: Platform) -> None:
            await platform.change(Cause(), Workspace, shared.id, lambda w: w.extend(60, YEAR, T0))

        await asyncio.gather(*(extend(platform) for platform in (a, b) for _ in range(4)))
        changed = await a.load(Workspace, shared.id)
        assert changed.version == 9
        assert changed.ttl_seconds == 3600 + 8 * 60


async def test_without_a_database_every_call_fails_soon(tmp_path: Path) -> None:
    """The library alone would retry for twenty seconds and more."""
    url = embedded_postgres.start(tmp_path)
    try:
        with platform_on(url) as platform:
            stored = workspace()
            await platform.commit(Cause(), stored)
            server = postmaster.find(tmp_path / "postgres")
            assert server is not None
            await asyncio.to_thread(postmaster.end, server)

            async with asyncio.timeout(10):
                commits = [platform.commit(Cause(), workspace()) for _ in range(20)]
                loads = [platform.load(Workspace, stored.id) for _ in range(5)]
                answers = await asyncio.gather(*commits, *loads, return_exceptions=True)
            assert {type(answer) for answer in answers} == {Unavailable}
            assert {answer.part for answer in answers if isinstance(answer, Unavailable)} == {"database"}

            await asyncio.to_thread(embedded_postgres.start, tmp_path)
            await wait_until_usable(platform, stored.id)
    finally:
        embedded_postgres.stop(tmp_path)


async def wait_for_a_blocked_lock(database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn, asyncio.timeout(10):
        while True:
            cur = await conn.execute(
                "select 1 from pg_locks where not granted and relation = 'tenure_events'::regclass"
            )
            if await cur.fetchone():
                return
            await asyncio.sleep(0.01)


async def wait_until_usable(platform: Platform, id: UUID) -> None:
    """Return when the platform can load and commit."""
    async with asyncio.timeout(20):
        while True:
            try:
                await platform.change(Cause(), Workspace, id, lambda w: w.extend(60, YEAR, T0))
                return
            except Unavailable:
                await asyncio.sleep(0.05)


BAD = StoredEvent(uuid4(), 1, "a topic with a \0", b"{}")  # which PostgreSQL stores in no text


@pytest.mark.fault("F35")
async def test_an_error_in_a_group_fails_only_its_own_call(database: str) -> None:
    with platform_on(database) as platform:
        async with await psycopg.AsyncConnection.connect(database) as locker:
            await locker.execute("lock table tenure_events in exclusive mode")
            first = asyncio.create_task(platform.commit(Cause(), workspace()))
            await wait_for_a_blocked_lock(database)
            good = [workspace() for _ in range(20)]
            commits = [asyncio.create_task(platform.commit(Cause(), each)) for each in good[:10]]
            bad = asyncio.create_task(platform.writer.store([BAD]))
            commits += [asyncio.create_task(platform.commit(Cause(), each)) for each in good[10:]]
            await asyncio.sleep(0)  # all of them are in the queue, as one group
        answers = await asyncio.gather(*commits, return_exceptions=True)
        await first
        assert answers == [None] * 20
        with pytest.raises(PersistenceError):
            await bad
        assert [await version_of(platform, each.id) for each in good] == [1] * 20


DISK_FULL = """
create function refuse() returns trigger language plpgsql as $$
begin raise exception 'could not extend file "base/1/1": No space left on device' using errcode = 'disk_full'; end $$;
create trigger refuse before insert on tenure_events for each row execute function refuse();
"""


@pytest.mark.fault("F42")
async def test_a_full_disk_is_called_that(database: str) -> None:
    with platform_on(database) as platform:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
            await conn.execute(DISK_FULL)
            try:
                with pytest.raises(Unavailable, match="the disk of the database is full") as refused:
                    await platform.commit(Cause(), workspace())
                assert refused.value.retry_after == 30
                assert isinstance(platform.writer, GroupWriter) and platform.writer.disk_full
            finally:
                await conn.execute("drop function refuse cascade")
        await platform.commit(Cause(), workspace())
        assert not platform.writer.disk_full
