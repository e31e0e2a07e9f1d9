"""Health and readiness, without credentials (V14, V15)."""

from __future__ import annotations

from datetime import datetime

import httpx
import pytest

from tests.contracts.asking import create, fine, until_status
from tests.support.server import Served, eventually


@pytest.mark.line("V14")
async def test_health_says_that_the_server_answers(tenure: Served) -> None:
    async with tenure.client(None) as nobody:
        body = fine(await nobody.get("/health"))
    assert body.keys() == {"status", "service", "version", "timestamp"}
    assert (body["status"], body["service"]) == ("ok", "tenure")
    assert datetime.fromisoformat(body["timestamp"]).utcoffset() is not None


@pytest.mark.line("V15")
async def test_readiness_says_how_each_part_is(tenure: Served, alice: httpx.AsyncClient) -> None:
    await until_status(alice, (await create(alice))["id"], "running")
    async with tenure.client(None) as nobody:
        body = fine(await nobody.get("/health/ready"))
    assert body["status"] == "ok"
    assert body["parts"] == {
        "database": {"ok": True},
        "follower": {"ok": True, "position": 2, "lag": 0},
        "work": {"ok": True, "parked": 0},
        "engine": {"ok": True, "provider": "fake"},
        "regions": {"ok": True, "regions": {}},
    }


@pytest.mark.fault("F24")
async def test_readiness_says_what_an_engine_was_seen_not_to_do(tenure: Served) -> None:
    tenure.engine.limitation = "the storage of this engine cannot limit a container's disk"
    async with tenure.client(None) as nobody:
        body = fine(await nobody.get("/health/ready"))
    assert body["status"] == "ok"
    assert body["parts"]["engine"] == {"ok": True, "provider": "fake", "limitation": tenure.engine.limitation}


@pytest.mark.line("V15")
async def test_readiness_is_503_and_names_the_part_that_is_down(tenure: Served) -> None:
    tenure.engine.away = True
    async with tenure.client(None) as nobody:
        answer = await nobody.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["status"] == "unavailable"
        assert answer.json()["parts"]["engine"] == {"ok": False, "error": "the engine does not answer"}
        assert answer.json()["parts"]["database"] == {"ok": True}
        assert fine(await nobody.get("/health"))["status"] == "ok"

        tenure.engine.away = False
        fine(await nobody.get("/health/ready"))


@pytest.mark.line("V15")
async def test_readiness_is_503_without_the_database(tenure: Served) -> None:
    await tenure.tenure.pool.close()
    async with tenure.client(None) as nobody:

        async def is_down() -> bool:
            answer = await nobody.get("/health/ready")
            return answer.status_code == 503 and not answer.json()["parts"]["database"]["ok"]

        await eventually(is_down)
        fine(await nobody.get("/health"))
