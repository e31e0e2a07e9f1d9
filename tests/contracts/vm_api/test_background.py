"""Background work: provisioning, expiry, and recovery after a restart (V35 to V39)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from infra.eventlog import worker
from infra.settings import Settings
from tests.contracts.asking import WORKSPACES, create, fine, get, refused, running, until_gone, until_status
from tests.contracts.vm_api.test_fields import time
from tests.support.fake_engine import Engine
from tests.support.server import Served, eventually, served


@pytest.mark.line("V35")
async def test_what_is_creating_is_found_by_a_worker_that_was_not_there_when_it_was_asked_for(
    database: str, tmp_path: Path
) -> None:
    async with served(database, tmp_path, role="api") as tenure, tenure.client() as alice:
        id = (await create(alice))["id"]
        assert tenure.engine.calls == []
    async with served(database, tmp_path) as tenure, tenure.client() as alice:
        await until_status(alice, id, "running")


@pytest.mark.line("V35", "V37")
def test_the_documents_intervals_are_upper_bounds() -> None:
    assert timedelta(seconds=worker.POLL_INTERVAL_S) <= timedelta(seconds=5)
    assert Settings().sweep_seconds <= 60


@pytest.mark.line("V36")
async def test_the_configured_provider_makes_the_machine(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    assert one["provider"] == tenure.engine.provider
    assert [call for call in tenure.engine.calls if call[1]] == [("ensure_running", UUID(one["id"]))]


@pytest.mark.line("V37", "V38")
async def test_what_expires_is_deleted_machine_and_record(tenure: Served, alice: httpx.AsyncClient) -> None:
    lasting = await running(alice)
    one = await create(alice, ttl_seconds=1)
    await until_status(alice, one["id"], "running")
    refused(await until_gone(alice, one["id"]), 404)

    assert [workspace["id"] for workspace in fine(await alice.get(WORKSPACES))] == [lasting["id"]]
    await eventually(lambda: are_there(tenure, lasting["id"]))
    trail = fine(await alice.get("/api/v1/audit/events", params={"subject": one["id"]}))["events"]
    expired = next(entry for entry in trail if entry["kind"] == "workspace.expired")
    assert time(expired["at"]) >= time(one["expires_at"])
    assert expired["by"] is None


async def are_there(tenure: Served, *ids: str) -> bool:
    return {str(id) for id in tenure.engine.machines} == {*ids}


@pytest.mark.line("V38")
@pytest.mark.parametrize("status", ["creating", "stopped", "failed"])
async def test_it_expires_in_whatever_status(tenure: Served, alice: httpx.AsyncClient, status: str) -> None:
    if status == "creating":
        tenure.engine.away = True
    if status == "failed":
        tenure.engine.refuses = "there is no such image"
    one = await create(alice, ttl_seconds=3)
    if status == "stopped":
        await until_status(alice, one["id"], "running")
        await alice.post(f"{WORKSPACES}/{one['id']}/stop")
    if status != "creating":
        await until_status(alice, one["id"], status)
    await until_gone(alice, one["id"])

    tenure.engine.away = False
    await eventually(lambda: are_there(tenure))


@pytest.mark.line("V37", "V38")
async def test_what_expired_while_nothing_ran_is_deleted_at_the_next_start(database: str, tmp_path: Path) -> None:
    engine = Engine()
    async with served(database, tmp_path, engine) as tenure, tenure.client() as alice:
        id = (await running(alice))["id"]
    async with served(database, tmp_path, engine, role="api") as tenure, tenure.client() as alice:
        short = (await create(alice, ttl_seconds=1))["id"]
    async with served(database, tmp_path, engine) as tenure, tenure.client() as alice:
        await until_gone(alice, short)
        await eventually(lambda: are_there(tenure, id))


@pytest.mark.line("V39")
async def test_everything_is_there_after_a_restart(database: str, tmp_path: Path) -> None:
    engine = Engine()
    async with served(database, tmp_path, engine) as tenure, tenure.client() as alice:
        one = await running(alice, name="kept", template="nodejs", ttl_seconds=3600)
        other = await running(alice)
        await alice.delete(f"{WORKSPACES}/{other['id']}")

    async with served(database, tmp_path, engine) as tenure, tenure.client() as alice:
        assert not tenure.tenure.refolded
        assert await get(alice, one["id"]) == one
        assert fine(await alice.get(WORKSPACES)) == [one]
        await eventually(lambda: are_there(tenure, one["id"]))
        assert engine.created_count == 2
