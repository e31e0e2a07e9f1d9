"""/api/v1/work: what failed too often is shown to administrators, who have it tried again or drop it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from infra.eventlog import worker
from tests.contracts.asking import NOBODY, WORKSPACES, create, fine, refused
from tests.contracts.chrote.people import invited, member
from tests.contracts.native.test_metrics import value
from tests.support.server import Served, eventually

WORK = "/api/v1/work"


class Broken:
    """An engine whose machines cannot be made, for a reason that nobody foresaw."""

    def __init__(self, tenure: Served) -> None:
        self._engine, self.mended = tenure.engine, False
        self._engine.before = self.fail

    async def fail(self, call: str, about: UUID | None) -> None:
        if call == "ensure_running" and not self.mended:
            raise ValueError("password=hunter2")


@pytest.fixture
async def broken(tenure: Served, monkeypatch: pytest.MonkeyPatch) -> Broken:
    """An engine that fails while work is tried again at once."""
    monkeypatch.setattr(worker, "FIRST_RETRY", timedelta(milliseconds=1))
    monkeypatch.setattr(worker, "LAST_RETRY", timedelta(milliseconds=1))
    return Broken(tenure)


@pytest.fixture
async def olga(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with member(tenure, "olga") as client:
        yield client


async def parked(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = fine(await client.get(WORK))
    return rows


async def park(tenure: Served, olga: httpx.AsyncClient) -> tuple[str, dict[str, Any]]:
    """A workspace whose machine cannot be made, and the work that was given up."""
    async with tenure.client() as alice:
        id = (await create(alice))["id"]
    (row,) = await eventually(lambda: parked(olga))
    return id, row


@pytest.mark.fault("F36")
async def test_work_that_always_fails_is_parked_and_shown(
    tenure: Served, broken: Broken, olga: httpx.AsyncClient
) -> None:
    assert await parked(olga) == []
    id, row = await park(tenure, olga)
    assert (row["command"], row["subject"], row["lane"]) == ("workspace.provision", id, "engine")
    assert (row["attempts"], row["error"]) == (worker.MAX_FAILURES, "ValueError")

    ready = fine(await olga.get("/health/ready"))
    assert ready["status"] == "degraded"
    assert ready["parts"]["work"]["parked"] == 1 and "tenure work list" in ready["parts"]["work"]["error"]
    assert await value(tenure, "tenure_work_parked_rows") == 1
    assert await value(tenure, "tenure_work_due_rows", lane="engine") == 0

    page = await olga.get("/api/v1/audit/events", params={"kind": "work"})
    (event,) = fine(page)["events"]
    assert event["kind"] == "work.parked"
    assert event["facts"] == {
        "command": "workspace.provision",
        "subject": id,
        "attempts": worker.MAX_FAILURES,
        "error": "ValueError",
    }
    assert "hunter2" not in page.text


@pytest.mark.fault("F36")
async def test_parked_work_is_tried_again_by_hand(tenure: Served, broken: Broken, olga: httpx.AsyncClient) -> None:
    id, row = await park(tenure, olga)
    broken.mended = True
    assert fine(await olga.post(f"{WORK}/{row['id']}/retry")) == {"message": "workspace.provision is tried again"}

    async def runs() -> bool:
        async with tenure.client() as alice:
            return bool(fine(await alice.get(f"{WORKSPACES}/{id}"))["status"] == "running")

    await eventually(runs)
    assert await parked(olga) == []
    assert fine(await olga.get("/health/ready"))["status"] == "ok"
    refused(await olga.post(f"{WORK}/{row['id']}/retry"), 404, "no such parked work")


@pytest.mark.fault("F36")
async def test_parked_work_is_dropped(tenure: Served, broken: Broken, olga: httpx.AsyncClient) -> None:
    _, row = await park(tenure, olga)
    assert fine(await olga.delete(f"{WORK}/{row['id']}")) == {"message": "workspace.provision is dropped"}
    assert await parked(olga) == []
    events = fine(await olga.get("/api/v1/audit/events", params={"kind": "work"}))["events"]
    assert [(event["kind"], event["by_name"]) for event in events] == [("work.parked", None), ("work.dropped", "olga")]


@pytest.mark.fault("F36")
async def test_only_administrators_see_and_decide_on_it(tenure: Served, olga: httpx.AsyncClient) -> None:
    async with member(tenure, "vera", await invited(olga, "operator")) as vera, tenure.client() as alice:
        for client in (vera, alice):
            refused(await client.get(WORK), 403, "role is admin")
            refused(await client.post(f"{WORK}/{NOBODY}/retry"), 403, "role is admin")
            refused(await client.delete(f"{WORK}/{NOBODY}"), 403, "role is admin")
    refused(await olga.delete(f"{WORK}/{NOBODY}"), 404, "no such parked work")
