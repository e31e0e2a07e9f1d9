"""Rate limits for each client address (T44 to T46)."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from infra.settings import Settings
from tests.contracts.clarateach.teaching import NEW, WORKSHOPS, fine, refused
from tests.support.server import served


@pytest.mark.line("T44", "T45", "T46")
def test_the_limits_are_the_document_s() -> None:
    assert Settings().rate_limits == {"create": 10, "join": 60, "other": 1000}


@pytest.mark.line("T44")
async def test_ten_workshops_an_hour(client: httpx.AsyncClient) -> None:
    for left in range(9, -1, -1):
        answer = await client.post(WORKSHOPS, json=NEW)
        fine(answer, 201)
        assert (answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) == ("10", str(left))
    answer = await client.post(WORKSHOPS, json=NEW)
    refused(answer, 429, "RATE_LIMITED")
    assert 0 < int(answer.headers["retry-after"]) <= 3600
    fine(await client.get(WORKSHOPS))


@pytest.mark.line("T45")
async def test_sixty_joins_an_hour_and_each_address_for_itself(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, guesses_per_minute=1000) as tenure, tenure.client(None) as client:
        for _ in range(60):
            refused(await client.post("/api/join", json={"code": "NONE-NONE"}), 404, "NOT_FOUND")
        refused(await client.post("/api/join", json={"code": "NONE-NONE"}), 429, "RATE_LIMITED")
        elsewhere = {"x-forwarded-for": "198.51.100.7"}  # as a proxy that is trusted says
        refused(await client.post("/api/join", json={"code": "NONE-NONE"}, headers=elsewhere), 404, "NOT_FOUND")


@pytest.mark.line("T46")
async def test_all_other_requests_together(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, requests_per_hour=3) as tenure, tenure.client(None) as client:
        for path in ("", "/ws-abcdef", ""):
            answer = await client.get(f"{WORKSHOPS}{path}")
            assert answer.status_code in (200, 404)
        refused(await client.get(WORKSHOPS), 429, "RATE_LIMITED")
        fine(await client.post(WORKSHOPS, json=NEW), 201)
        async with tenure.client("alice") as alice:
            assert (await alice.get("/api/v1/workspaces")).status_code == 200, "only this contract's routes count"


async def test_limits_are_settings(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, workshops_per_hour=1) as tenure, tenure.client(None) as client:
        fine(await client.post(WORKSHOPS, json=NEW), 201)
        refused(await client.post(WORKSHOPS, json=NEW), 429, "RATE_LIMITED")
