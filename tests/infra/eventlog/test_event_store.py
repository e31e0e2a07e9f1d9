"""The store: groups of commits from many writers, in an order that nobody who reads along can miss anything of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from application.access import Cause
from application.platform import ConcurrentUpdate, Platform
from application.ports.errors import Unavailable
from domain.workspace import Workspace
from infra.eventlog.event_store import open_platform
from infra.postgres import embedded as embedded_postgres
from infra.postgres import postmaster
from infra.wiring.bootstrap import close

T0 = datetime(2030, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


@contextmanager
def opened(database: str) -> Iterator[Platform]:
    platform = open_platform(database)
    try:
        yield platform
    finally:
        close(platform)


def workspace(id: UUID | None = None) -> Workspace:
    return Workspace.request(
        id=id or uuid4(),
        owner_id=uuid4(),
        name="a",
        template=None,
        provider="fake",
        ttl_seconds=3600,
        longest=YEAR,
        now=T0,
    )


async def version_of(platform: Platform, id: UUID) -> int:
    return (await platform.load(Workspace, id)).version


async def test_who_reads_along_while_32_write_passes_over_nothing(database: str) -> None:
    """Four processes' worth of writers, each with an id that is taken now and then, so that positions are lost."""
    with opened(database) as a, opened(database) as b, opened(database) as c, opened(database) as d:
        writing = asyncio.Event()

        async def write(platform: Platform, taken: UUID) -> None:
            for nth in range(25):
                await platform.commit(Cause(), workspace(), workspace(), workspace())
                if nth % 5 == 0:
                    with pytest.raises(ConcurrentUpdate):
                        await platform.commit(Cause(), workspace(), workspace(taken))

        async def read_along() -> list[int]:
            seen: list[int] = []
            async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
                while True:
                    last_look = not writing.is_set()
                    cur = await conn.execute(
                        "select notification_id from tenure_events where notification_id > %s order by 1",
                        (seen[-1] if seen else 0,),
                    )
                    seen += [position for (position,) in await cur.fetchall()]
                    if last_look:
                        return seen

        first = workspace()
        await a.commit(Cause(), first)
        writing.set()
        reading = asyncio.create_task(read_along())
        async with asyncio.TaskGroup() as writers:
            for platform in (a, b, c, d):
                for _ in range(8):
                    writers.create_task(write(platform, first.id))
        writing.clear()
        seen = await reading

        async with await psycopg.AsyncConnection.connect(database) as conn:
            cur = await conn.execute("select notification_id from tenure_events order by 1")
            stored = [position for (position,) in await cur.fetchall()]
        assert len(stored) == 1 + 32 * 25 * 3
        assert stored[-1] > len(stored)  # positions were lost, which must not look like something to wait for
        assert seen == stored


async def test_a_conflict_in_a_group_hits_only_its_own(database: str) -> None:
    with opened(database) as platform:
        taken = workspace()
        await platform.commit(Cause(), taken)
        async with await psycopg.AsyncConnection.connect(database) as holding:
            await holding.execute("lock table tenure_events in exclusive mode")
            # The first keeps the writer busy, so that all others wait together.
            first = asyncio.create_task(platform.commit(Cause(), workspace()))
            await until_somebody_waits_for_a_lock(database)
            good = [workspace() for _ in range(10)]
            bad = [workspace(taken.id), workspace(good[0].id)]
            asked = [asyncio.create_task(platform.commit(Cause(), it)) for it in [*good, *bad]]
            await asyncio.sleep(0)  # all of them are in the queue
        answers = await asyncio.gather(*asked, return_exceptions=True)
        await first
        assert answers[:10] == [None] * 10
        assert [type(answer) for answer in answers[10:]] == [ConcurrentUpdate, ConcurrentUpdate]
        assert [await version_of(platform, it.id) for it in good] == [1] * 10


async def test_several_that_change_the_same_thing_at_once_all_have_their_way(database: str) -> None:
    with opened(database) as a, opened(database) as b:
        it = workspace()
        await a.commit(Cause(), it)

        async def extend(platform: Platform) -> None:
            await platform.change(Cause(), Workspace, it.id, lambda w: w.extend(60, YEAR, T0))

        await asyncio.gather(*(extend(platform) for platform in (a, b) for _ in range(4)))
        changed = await a.load(Workspace, it.id)
        assert changed.version == 9
        assert changed.ttl_seconds == 3600 + 8 * 60


async def test_without_a_database_everybody_is_told_soon(tmp_path: Path) -> None:
    """The library alone would try for twenty seconds and more."""
    url = embedded_postgres.start(tmp_path)
    try:
        with opened(url) as platform:
            it = workspace()
            await platform.commit(Cause(), it)
            running = postmaster.find(tmp_path / "postgres")
            assert running is not None
            await asyncio.to_thread(postmaster.end, running)

            async with asyncio.timeout(10):
                asked = [platform.commit(Cause(), workspace()) for _ in range(20)]
                loads = [platform.load(Workspace, it.id) for _ in range(5)]
                answers = await asyncio.gather(*asked, *loads, return_exceptions=True)
            assert {type(answer) for answer in answers} == {Unavailable}
            assert {answer.part for answer in answers if isinstance(answer, Unavailable)} == {"database"}

            await asyncio.to_thread(embedded_postgres.start, tmp_path)
            await comes_back(platform, it.id)
    finally:
        embedded_postgres.stop(tmp_path)


async def until_somebody_waits_for_a_lock(database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn, asyncio.timeout(10):
        while True:
            cur = await conn.execute(
                "select 1 from pg_locks where not granted and relation = 'tenure_events'::regclass"
            )
            if await cur.fetchone():
                return
            await asyncio.sleep(0.01)


async def comes_back(platform: Platform, id: UUID) -> None:
    """Both verbs, in the end."""
    async with asyncio.timeout(20):
        while True:
            try:
                await platform.change(Cause(), Workspace, id, lambda w: w.extend(60, YEAR, T0))
                return
            except Unavailable:
                await asyncio.sleep(0.05)
