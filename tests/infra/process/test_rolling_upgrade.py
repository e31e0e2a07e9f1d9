"""Old and new processes side by side under load: no row is wrong afterwards, nothing is told or done twice."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from infra.wiring.database import open_database
from infra.wiring.schema import rebuild
from projections import read_models
from tests.infra.process.test_replicas import create
from tests.support import remote_engine
from tests.support.child import OLDER
from tests.support.databases import nothing_is_due
from tests.support.fake_engine import Engine
from tests.support.processes import Spawned, spawned
from tests.support.server import eventually
from tests.support.stream_client import Watcher

UNTOLD = ("attempts", "holder", "last_error", "run_at", "failures")  # columns of `work` that no event tells of


class Load:
    """Clients that create workspaces one after another, at whichever process serves."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, *servers: Spawned) -> None:
        self._tasks += [asyncio.create_task(self._create(server)) for server in servers]

    async def _create(self, server: Spawned) -> None:
        async with server.client() as client:
            while True:
                try:
                    answer = await client.post("/api/v1/workspaces", json={"name": "a"})
                except httpx.TransportError:
                    return  # it was stopped
                if answer.status_code == 200:
                    self.ids.append(answer.json()["id"])
                else:
                    assert answer.status_code == 503, answer.text

    async def after(self, count: int) -> None:
        """Return when so many more workspaces were created."""
        target = len(self.ids) + count
        await eventually(lambda: self._reached(target), 60)

    async def _reached(self, target: int) -> bool:
        for task in self._tasks:
            if task.done():
                task.result()
        return len(self.ids) >= target

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.mark.fault("F30")
async def test_old_and_new_side_by_side_under_load(database: str, tmp_path: Path) -> None:
    engine, load = Engine(), Load()
    async with remote_engine.lent(engine, tmp_path / "engine") as socket:
        async with spawned(database, tmp_path / "old", engine=socket, older=True, quotas=False) as old:
            load.start(old)
            await load.after(20)
            async with (
                spawned(database, tmp_path / "new", engine=socket, quotas=False) as new,
                spawned(database, tmp_path / "late", engine=socket, older=True, quotas=False) as late,
                old.client() as at_old,
                new.client() as at_new,
                late.client() as at_late,
                Watcher(at_old) as watching_old,
                Watcher(at_new) as watching_new,
            ):
                load.start(new, late)
                await load.after(60)
                assert await standing_by(at_old) and await standing_by(at_late)
                assert (await at_new.get("/health/ready")).json()["status"] == "ok"
                await load.stop()
                await eventually(lambda: nothing_is_due(database), 60)
                positions = await logged_positions(at_new)
                assert await watching_old.caught_up() == await watching_new.caught_up() == positions
        effects = Counter(call for call in engine.calls if call[0] == "ensure_running")
        assert set(effects.values()) == {1}
    assert {str(id) for id in engine.machines} >= set(load.ids)
    assert engine.created_count == len(engine.machines)
    followed = await tables(database)
    assert not [row for row in followed["workspaces"] if row["name"].endswith(OLDER)]
    await rebuild_all(database)
    assert await tables(database) == followed


@pytest.mark.fault("F30")
async def test_when_the_last_new_process_is_killed_an_old_one_folds_nothing(database: str, tmp_path: Path) -> None:
    engine = Engine()
    async with (
        remote_engine.lent(engine, tmp_path / "engine") as socket,
        spawned(database, tmp_path / "old", engine=socket, older=True, quotas=False) as old,
        old.client() as at_old,
    ):
        async with spawned(database, tmp_path / "new", engine=socket, quotas=False) as new, new.client() as at_new:
            await create(at_new)
            new.kill()
            await new.has_died()
        id = (await at_old.post("/api/v1/workspaces", json={"name": "a"})).json()["id"]
        answer = await at_old.get(f"/api/v1/workspaces/{id}")
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
        async with (
            spawned(database, tmp_path / "next", engine=socket, quotas=False) as following,
            following.client() as at_next,
        ):
            await eventually(lambda: is_running(at_next, id))
        followed = await tables(database)
    await rebuild_all(database)
    assert await tables(database) == followed


async def standing_by(client: httpx.AsyncClient) -> bool:
    ready = (await client.get("/health/ready")).json()
    assert ready["status"] == "degraded", ready
    return "stands by" in ready["parts"]["follower"]["error"]


async def is_running(client: httpx.AsyncClient, id: str) -> bool:
    answer = await client.get(f"/api/v1/workspaces/{id}")
    return answer.status_code == 200 and answer.json()["status"] == "running"


async def logged_positions(client: httpx.AsyncClient) -> list[int]:
    lines = await client.get("/api/v1/audit/events", headers={"accept": "application/x-ndjson"})
    return [json.loads(line)["position"] for line in lines.text.splitlines()]


async def tables(database: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every read model, without what only workers write."""
    contents = {}
    async with await psycopg.AsyncConnection.connect(database, row_factory=dict_row) as conn:
        for name in read_models.DDL:
            rows = await (await conn.execute(f"select * from {name}".encode())).fetchall()
            for row in rows:
                for column in UNTOLD if name == "work" else ():
                    del row[column]
            contents[name] = sorted(rows, key=repr)
    return contents


async def rebuild_all(database: str) -> None:
    opened = await open_database(database)
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        await rebuild(conn, opened.platform)
    await opened.close()
