"""What the statuses mean (V30 to V33)."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest

from tests.contracts.asking import WORKSPACES, create, get, refused, running, until_status
from tests.support.server import Served, eventually


@pytest.mark.line("V30")
async def test_creating_lasts_while_the_engine_is_away_and_says_so(tenure: Served, alice: httpx.AsyncClient) -> None:
    tenure.engine.away = True
    id = (await create(alice))["id"]

    async def waiting() -> bool:
        workspace = await get(alice, id)
        return (workspace["status"], workspace["metadata"]) == ("creating", {"waiting": "the engine does not answer"})

    await eventually(waiting)
    tenure.engine.away = False
    await until_status(alice, id, "running")


@pytest.mark.line("V31")
async def test_what_is_running_has_a_machine_that_runs(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    assert tenure.engine.machines[UUID(one["id"])].running
    assert one["connection_info"]["host"] == "127.0.0.1"


@pytest.mark.line("V32")
async def test_what_is_stopped_has_a_machine_that_does_not(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    await alice.post(f"{WORKSPACES}/{one['id']}/stop")
    await until_status(alice, one["id"], "stopped")
    assert not tenure.engine.machines[UUID(one["id"])].running


@pytest.mark.line("V33")
async def test_what_failed_says_why_and_stays_until_it_is_deleted(tenure: Served, alice: httpx.AsyncClient) -> None:
    tenure.engine.refuses = 'the image "nowhere" cannot be had'
    id = (await create(alice))["id"]
    failed = await until_status(alice, id, "failed")
    assert failed["error_message"] == 'the image "nowhere" cannot be had'
    tenure.engine.refuses = None
    assert await get(alice, id) == failed
    refused(await alice.post(f"{WORKSPACES}/{id}/start"), 409, "failed")
