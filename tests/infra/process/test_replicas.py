"""Two of everything on one database: nothing happens twice, and when one goes the other carries on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest

from infra.eventlog.follower import FOLLOWER_LOCK
from tests.support import remote_engine
from tests.support.databases import nothing_is_due
from tests.support.fake_engine import Engine
from tests.support.processes import Spawned, spawned
from tests.support.server import Served, eventually, served
from tests.support.stream_client import Watcher

Replica = Served | Spawned
Replicas = Callable[[str, Path, Engine], AbstractAsyncContextManager[Sequence[Replica]]]


@pytest.fixture
def engine() -> Engine:
    return Engine()


@asynccontextmanager
async def in_process(database: str, home: Path, engine: Engine) -> AsyncIterator[list[Replica]]:
    async with (
        served(database, home / "a", engine, quotas=False) as a,
        served(database, home / "b", engine, quotas=False) as b,
    ):
        yield [a, b]


@asynccontextmanager
async def as_processes(database: str, home: Path, engine: Engine) -> AsyncIterator[list[Replica]]:
    async with (
        remote_engine.lent(engine, home / "engine") as socket,
        spawned(database, home / "a", engine=socket, quotas=False) as a,
        spawned(database, home / "b", engine=socket, quotas=False) as b,
    ):
        yield [a, b]


@asynccontextmanager
async def split_by_role(database: str, home: Path, engine: Engine) -> AsyncIterator[list[Replica]]:
    async with (
        remote_engine.lent(engine, home / "engine") as socket,
        spawned(database, home / "work a", "worker", socket, quotas=False),
        spawned(database, home / "work b", "worker", socket, quotas=False),
        spawned(database, home / "a", "api", socket, quotas=False) as a,
        spawned(database, home / "b", "api", socket, quotas=False) as b,
    ):
        yield [a, b]


@pytest.mark.parametrize("replicas", [in_process, as_processes, split_by_role])
async def test_everything_happens_once(replicas: Replicas, database: str, tmp_path: Path, engine: Engine) -> None:
    async with (
        replicas(database, tmp_path, engine) as (a, b),
        a.client() as at_a,
        b.client() as at_b,
        Watcher(at_a) as watching_a,
        Watcher(at_b) as watching_b,
    ):
        ids = await asyncio.gather(*(create(client) for _ in range(25) for client in (at_a, at_b)))
        await eventually(lambda: all_run(at_a, 50))
        await asyncio.gather(*(at_a.delete(f"/api/v1/workspaces/{id}") for id in ids))
        await eventually(lambda: nothing_is_left(engine))
        await eventually(lambda: nothing_is_due(database))

        effects = Counter(call for call in engine.calls if call[0] in ("ensure_running", "ensure_gone"))
        assert effects == Counter((call, UUID(id)) for call in ("ensure_running", "ensure_gone") for id in ids)
        entries = await history(at_b)
        assert Counter(entry["kind"] for entry in entries) == dict.fromkeys(
            [f"workspace.{kind}" for kind in ("requested", "provisioned", "deleted", "destroyed")], 50
        )
        positions = [entry["position"] for entry in entries]
        assert await watching_a.caught_up() == await watching_b.caught_up() == positions


async def test_the_one_that_follows_is_killed_and_the_other_takes_over(
    database: str, tmp_path: Path, engine: Engine
) -> None:
    async with (
        remote_engine.lent(engine, tmp_path / "engine") as socket,
        spawned(database, tmp_path / "a", engine=socket, quotas=False) as a,
    ):
        await eventually(lambda: somebody_follows(database))  # nobody but the first can
        async with (
            spawned(database, tmp_path / "b", engine=socket, quotas=False) as b,
            b.client() as at_b,
            Watcher(at_b) as watcher,
        ):
            ids = [await create(at_b) for _ in range(20)]
            a.kill()
            ids += [await create(at_b) for _ in range(20)]
            await eventually(lambda: all_run(at_b, 40))
            assert set(ids) == {str(id) for id in engine.machines}
            assert engine.created_count == 40
            entries = await history(at_b)
            assert Counter(entry["kind"] for entry in entries) == {
                "workspace.requested": 40,
                "workspace.provisioned": 40,
            }
            assert await watcher.caught_up() == [entry["position"] for entry in entries]


async def test_what_a_killed_worker_had_in_hand_is_done_by_the_next(
    database: str, tmp_path: Path, engine: Engine
) -> None:
    in_hand, go_on = asyncio.Event(), asyncio.Event()

    async def slow(call: str, id: object) -> None:
        if call == "ensure_running" and not go_on.is_set():
            in_hand.set()
            await go_on.wait()

    engine.before = slow
    async with (
        remote_engine.lent(engine, tmp_path / "engine") as socket,
        spawned(database, tmp_path / "api", "api", socket) as api,
        api.client() as alice,
    ):
        async with spawned(database, tmp_path / "first", "worker", socket) as first:
            await create(alice)
            await in_hand.wait()
            first.kill()
            await first.has_died()
        async with spawned(database, tmp_path / "second", "worker", socket):
            go_on.set()
            await eventually(lambda: all_run(alice, 1))
            assert engine.created_count == 1


async def create(client: httpx.AsyncClient) -> str:
    answer = await client.post("/api/v1/workspaces", json={"name": "a"})
    assert answer.status_code == 200, answer.text
    id: str = answer.json()["id"]
    return id


async def all_run(client: httpx.AsyncClient, count: int) -> bool:
    return [row["status"] for row in (await client.get("/api/v1/workspaces")).json()] == ["running"] * count


async def nothing_is_left(engine: Engine) -> bool:
    return not engine.machines


async def somebody_follows(database: str) -> bool:
    async with await psycopg.AsyncConnection.connect(database) as conn:
        sql = "select from pg_locks where locktype = 'advisory' and classid = %s and granted"
        return await (await conn.execute(sql, (FOLLOWER_LOCK,))).fetchone() is not None


async def history(client: httpx.AsyncClient) -> list[dict[str, object]]:
    page = (await client.get("/api/v1/audit/events", params={"limit": 1000})).json()
    events: list[dict[str, object]] = page["events"]
    return events
