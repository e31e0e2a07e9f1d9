"""The database goes away, in several ways, and comes back: said plainly meanwhile, and afterwards as if nothing was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from application import platform
from projections import query as queries
from tests.support import services
from tests.support.databases import nothing_is_due
from tests.support.server import Served, eventually, served
from tests.support.services import Database
from tests.support.stream_client import Watcher


@pytest.fixture(params=["ended", "killed", "frozen"])
async def database_to_lose(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    with services.postgres(request.param, tmp_path) as lent:
        await services.answers(lent.url)
        yield lent


async def test_a_database_that_goes_and_comes_back(
    database_to_lose: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "DATABASE_TIMEOUT_S", 2.0)  # a frozen database is waited for again and again
    monkeypatch.setattr(queries, "READ_TIMEOUT_S", 2.0)
    db = database_to_lose
    async with served(db.url, tmp_path) as tenure, tenure.client() as alice, Watcher(alice) as watcher:
        before = await create(alice, "before")
        await eventually(lambda: is_running(alice, before))
        tenure.engine.away = True  # so that something is under way when the database goes
        under_way = await create(alice, "under way")
        await eventually(lambda: is_waiting(alice, under_way))

        await db.goes()
        async with tenure.client("somebody new") as stranger:
            await asyncio.gather(
                refused(alice.post("/api/v1/workspaces", json={"name": "meanwhile"})),
                refused(alice.post(f"/api/v1/workspaces/{before}/stop")),
                refused(alice.delete(f"/api/v1/workspaces/{before}")),
                refused(alice.get("/api/v1/workspaces")),
                refused(alice.get(f"/api/v1/workspaces/{before}")),
                refused(alice.get("/api/v1/audit/events")),
                refused(stranger.get("/api/v1/workspaces")),
            )
        assert (await alice.get("/health")).status_code == 200
        assert (await alice.get("/metrics")).status_code == 200
        tenure.engine.away = False
        await not_ready(alice, "database")

        await db.comes_back()
        await eventually(lambda: is_ready(alice))
        after = await create(alice, "after")
        for id in (before, under_way, after):
            await eventually(lambda id=id: is_running(alice, id))  # type: ignore[misc]
        assert {before, under_way, after} <= set(await listed(alice))
        await eventually(lambda: nothing_is_due(db.url))
        assert await watcher.caught_up() == await trail(alice)


async def test_several_that_ask_at_once_while_it_is_away_are_all_told(tmp_path: Path) -> None:
    with services.postgres("ended", tmp_path) as db:
        async with served(db.url, tmp_path) as tenure, tenure.client() as alice:
            id = await create(alice, "a")
            await db.goes()
            requests = [alice.post("/api/v1/workspaces", json={"name": "b"}) for _ in range(10)]
            requests += [alice.get(f"/api/v1/workspaces/{id}") for _ in range(10)]
            requests += [alice.post(f"/api/v1/workspaces/{id}/start") for _ in range(10)]
            assert {answer.status_code for answer in await asyncio.gather(*requests)} == {503}
            await db.comes_back()
            await eventually(lambda: is_ready(alice))


async def test_a_database_that_takes_no_writes_for_a_while_stops_nothing_for_good(tmp_path: Path) -> None:
    """As after a failover, when the old address leads to a standby that is not yet promoted."""
    with services.postgres("ended", tmp_path) as db:
        async with served(db.url, tmp_path) as tenure, tenure.client() as alice:
            before = await create(alice, "before")
            await eventually(lambda: is_running(alice, before))
            await alter(db.url, "on")
            async with tenure.client("somebody new") as stranger:
                await eventually(lambda: answers_503(stranger.get("/api/v1/workspaces")))
            await eventually(lambda: answers_503(alice.post("/api/v1/workspaces", json={"name": "b"})))
            await alter(db.url, "off")
            after = await eventually(lambda: created(alice))
            await eventually(lambda: is_running(alice, after))
            await eventually(lambda: is_ready(alice))


async def alter(url: str, read_only: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute("set default_transaction_read_only = off")
        await conn.execute(f"alter database {conn.info.dbname} set default_transaction_read_only = {read_only}")
        await conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()",
            (conn.info.dbname,),
        )


async def create(client: httpx.AsyncClient, name: str) -> str:
    answer = await client.post("/api/v1/workspaces", json={"name": name, "ttl_seconds": 3600})
    assert answer.status_code == 200, answer.text
    id: str = answer.json()["id"]
    return id


async def created(client: httpx.AsyncClient) -> str | None:
    answer = await client.post("/api/v1/workspaces", json={"name": "after"})
    return answer.json()["id"] if answer.status_code == 200 else None


async def refused(request: Any) -> None:
    """503 in the contract's form, with a time to come back."""
    answer: httpx.Response = await request
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json() == {"error": "the database does not answer; try again shortly"}


async def answers_503(request: Any) -> bool:
    return bool((await request).status_code == 503)


async def not_ready(client: httpx.AsyncClient, part: str) -> None:
    """Readiness says which part it is."""
    answer = await client.get("/health/ready")
    assert answer.status_code == 503
    readiness = answer.json()
    assert readiness["status"] == "unavailable"
    assert readiness["parts"][part]["ok"] is False and readiness["parts"][part]["error"]
    assert readiness["parts"]["engine"]["ok"]


async def is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health/ready")).status_code == 200


async def is_running(client: httpx.AsyncClient, id: str) -> bool:
    answer = await client.get(f"/api/v1/workspaces/{id}")
    return answer.status_code == 200 and answer.json()["status"] == "running"


async def is_waiting(client: httpx.AsyncClient, id: str) -> bool:
    metadata = (await client.get(f"/api/v1/workspaces/{id}")).json()["metadata"]
    return bool(metadata and metadata["waiting"])


async def listed(client: httpx.AsyncClient) -> list[str]:
    return [row["id"] for row in (await client.get("/api/v1/workspaces")).json()]


async def trail(client: httpx.AsyncClient) -> list[int]:
    page = (await client.get("/api/v1/audit/events", params={"limit": 1000})).json()
    return [entry["position"] for entry in page["events"]]


async def test_an_engine_that_is_away_is_named_by_readiness(tenure: Served) -> None:
    async with tenure.client() as alice:
        assert await is_ready(alice)
        tenure.engine.away = True
        answer = await alice.get("/health/ready")
        assert answer.status_code == 503
        parts = answer.json()["parts"]
        assert {name for name, part in parts.items() if not part["ok"]} == {"engine"}
        tenure.engine.away = False
        assert await is_ready(alice)
