"""Under load, on two replicas: who creates finds it at once, and who drops and resumes is told everything once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from projections import reads
from tests.engine import Engine
from tests.infra import services
from tests.serving import Served, served
from tests.watcher import Watcher

CREATED, USERS = 1000, 8  # workspaces in all, and how many people make them at the same time
DROPS = 200


@pytest.fixture(params=["without Redis", "with Redis"])
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
    monkeypatch.setattr(reads, "FOLLOWING", 30.0)  # how long a read waits is measured by `make bench`, not here
    engine = Engine()
    async with (
        served(database, tmp_path / "a", engine, redis_url=redis, auditors=["eve"]) as a,
        served(database, tmp_path / "b", engine, redis_url=redis, auditors=["eve"]) as b,
    ):
        yield a, b


async def test_two_thousand_events(replicas: tuple[Served, Served]) -> None:
    """1,000 creations, each listed and looked up at once on either replica; 2,000 events, read with 200 drops."""
    a, b = replicas
    async with a.client("eve") as at_a, b.client("eve") as at_b:
        readers = [Watcher(at_a), Watcher(at_a, at_b)]  # one that comes back to the same, and one that changes
        reading = asyncio.gather(*(drop_and_resume(reader, seed) for seed, reader in enumerate(readers)))
        await asyncio.gather(*(create_and_look(replicas, f"user {n}", CREATED // USERS) for n in range(USERS)))
        await reading
        log = await positions(at_a)
        assert len(log) == 2 * CREATED
        for reader in readers:
            assert reader.positions == log
            assert reader.connections > DROPS
            assert reader.resets == 0
    assert a.engine.made == CREATED


async def drop_and_resume(reader: Watcher, seed: int) -> None:
    """Connect 200 times, dropping the connection after a few events whatever has arrived by then; then to the end."""
    chance = random.Random(seed)
    mean = 2 * CREATED * 9 // 10 // DROPS
    async with asyncio.timeout(240):
        for _ in range(DROPS):
            await reader.once(stop_after=chance.randint(1, 2 * mean - 1))
        while len(reader.positions) < 2 * CREATED:
            await reader.once(stop_after=2 * CREATED - len(reader.positions))


async def create_and_look(replicas: tuple[Served, Served], user: str, times: int) -> None:
    """What was just acknowledged by one is there at once on either."""
    async with replicas[0].client(user) as at_a, replicas[1].client(user) as at_b:
        for nth in range(times):
            maker, other = (at_a, at_b) if nth % 2 else (at_b, at_a)
            id = (await maker.post("/api/v1/workspaces", json={"name": f"n{nth}"})).json()["id"]
            looker = maker if nth % 3 == 0 else other
            listed, found = await asyncio.gather(
                looker.get("/api/v1/workspaces"), looker.get(f"/api/v1/workspaces/{id}")
            )
            assert found.status_code == 200, found.text
            assert [row["name"] for row in listed.json()] == [f"n{n}" for n in reversed(range(nth + 1))]


async def positions(client: httpx.AsyncClient) -> list[int]:
    """Of the whole log."""
    seen: list[int] = []
    while True:
        params = {"after": seen[-1] if seen else 0, "limit": 1000}
        told = (await client.get("/api/v1/audit/events", params=params)).json()
        seen += [entry["position"] for entry in told["events"]]
        if told["next"] is None:
            return seen
