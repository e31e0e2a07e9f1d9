"""Under load, on two replicas: who creates finds it at once, and who drops and resumes is told everything once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from projections import hub
from projections import query as queries
from tests.support import services
from tests.support.fake_engine import Engine
from tests.support.server import Served, served
from tests.support.stream_client import Watcher

USERS = 20  # who make workspaces at the same time


@pytest.fixture
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[str | None]:
    if request.param == "without Redis":
        yield None
        return
    with services.redis() as lent:
        await lent.answers()
        yield lent.url


@pytest.fixture
async def replicas(
    database: str, tmp_path: Path, redis: str | None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Served, Served]]:
    monkeypatch.setattr(queries, "FOLLOW_TIMEOUT_S", 30.0)  # `make bench` measures how long a read waits
    monkeypatch.setattr(hub, "PAGE_ENTRIES", 50)  # so that who comes back reads several
    engine = Engine()
    settings: dict[str, Any] = {"redis_url": redis, "auditors": ["eve"], "quotas": False}
    async with (
        served(database, tmp_path / "a", engine, **settings) as a,
        served(database, tmp_path / "b", engine, **settings) as b,
    ):
        yield a, b


@pytest.mark.parametrize(
    ("redis", "created", "drops"), [("without Redis", 1000, 200), ("Redis", 300, 60)], indirect=["redis"]
)
async def test_who_creates_finds_it_and_who_drops_and_resumes_is_told_everything_once(
    replicas: tuple[Served, Served], created: int, drops: int
) -> None:
    """1,000 creations, each listed and looked up at once on either replica; 2,000 events, read with 200 drops."""
    a, b = replicas
    async with a.client("eve") as at_a, b.client("eve") as at_b:
        readers = [Watcher(at_a), Watcher(at_a, at_b)]  # one that comes back to the same, and one that changes
        async with asyncio.TaskGroup() as doing:
            for seed, reader in enumerate(readers):
                doing.create_task(drop_and_resume(reader, 2 * created, drops, random.Random(seed)))
            for nth in range(USERS):
                doing.create_task(create_and_look(replicas, f"user {nth}", created // USERS))
        log = await positions(at_a)
        assert len(log) == 2 * created
        for reader in readers:
            assert reader.positions == log
            assert reader.connections > drops
            assert reader.resets == 0
    assert a.engine.created_count == created


async def drop_and_resume(reader: Watcher, events: int, drops: int, chance: random.Random) -> None:
    """Connect so many times, and drop it after a few events whatever has arrived by then; at last go on to the end."""
    mean = events * 9 // 10 // drops
    for _ in range(drops):
        await reader.once(stop_after=chance.randint(1, 2 * mean - 1))
    while len(reader.positions) < events:
        await reader.once(stop_after=events - len(reader.positions))


async def create_and_look(replicas: tuple[Served, Served], user: str, times: int) -> None:
    """What was just acknowledged by one is there at once on either."""
    async with replicas[0].client(user) as at_a, replicas[1].client(user) as at_b:
        at_a.timeout = at_b.timeout = httpx.Timeout(60)  # longer than a read waits here
        for nth in range(times):
            maker, other = (at_a, at_b) if nth % 2 else (at_b, at_a)
            created = await maker.post("/api/v1/workspaces", json={"name": f"n{nth}"})
            assert created.status_code == 200, created.text
            id = created.json()["id"]
            looker = maker if nth % 3 == 0 else other
            listed, single = await asyncio.gather(
                looker.get("/api/v1/workspaces"), looker.get(f"/api/v1/workspaces/{id}")
            )
            assert (single.status_code, listed.status_code) == (200, 200), f"{single.text} {listed.text}"
            assert [row["name"] for row in listed.json()] == [f"n{n}" for n in reversed(range(nth + 1))]


async def positions(client: httpx.AsyncClient) -> list[int]:
    """Of the whole log."""
    result: list[int] = []
    while True:
        params = {"after": result[-1] if result else 0, "limit": 1000}
        page = (await client.get("/api/v1/audit/events", params=params)).json()
        result += [entry["position"] for entry in page["events"]]
        if page["next"] is None:
            return result
