"""Terms: extending one, the warning before its end, and the explanation of a deadline."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contracts.asking import WORKSPACES, create, fine, get, refused, running, until_gone, until_status
from tests.contracts.vm_api.test_fields import time
from tests.support.server import Served, served, stream, until


async def extend(client: httpx.AsyncClient, id: str, seconds: int) -> Any:
    return fine(await client.post(f"{WORKSPACES}/{id}/extend", json={"ttl_seconds": seconds}))


async def deadline(client: httpx.AsyncClient, id: str) -> Any:
    return fine(await client.get(f"{WORKSPACES}/{id}/deadline"))


@pytest.mark.line("V25")
async def test_an_extension_moves_the_end_and_the_whole_term_with_it(alice: httpx.AsyncClient) -> None:
    one = await running(alice, ttl_seconds=3600)
    longer = await extend(alice, one["id"], 60)
    assert longer["ttl_seconds"] == 3660
    assert time(longer["expires_at"]) == time(one["expires_at"]) + timedelta(seconds=60)
    assert await get(alice, one["id"]) == longer


@pytest.mark.line("V25")
async def test_each_extension_counts_from_the_last_end(alice: httpx.AsyncClient) -> None:
    one = await create(alice, ttl_seconds=3600)
    await extend(alice, one["id"], 60)
    assert (await extend(alice, one["id"], 60))["ttl_seconds"] == 3720


async def test_what_has_no_term_has_nothing_to_extend(alice: httpx.AsyncClient) -> None:
    one = await create(alice)
    refused(await alice.post(f"{WORKSPACES}/{one['id']}/extend", json={"ttl_seconds": 60}), 409, "no term")


async def test_nobody_is_lent_anything_for_longer_than_the_longest_term(alice: httpx.AsyncClient) -> None:
    one = await create(alice, ttl_seconds=3600)
    answer = await alice.post(f"{WORKSPACES}/{one['id']}/extend", json={"ttl_seconds": 31_536_000})
    refused(answer, 400, "365 days")


async def test_an_extension_is_a_positive_number_of_seconds(alice: httpx.AsyncClient) -> None:
    one = await create(alice, ttl_seconds=3600)
    for ttl in (0, -1, True, 1.5, "60", None, 10**30):
        refused(await alice.post(f"{WORKSPACES}/{one['id']}/extend", json={"ttl_seconds": ttl}), 400, "ttl_seconds")


async def test_what_ends_soon_can_be_saved(alice: httpx.AsyncClient) -> None:
    async with stream(alice) as events:
        one = await create(alice, ttl_seconds=2)
        await until(events, "workspace.expiry_warned")
        await extend(alice, one["id"], 3600)
        assert (await until_status(alice, one["id"], "running"))["ttl_seconds"] == 3602


@pytest.mark.line("V38")
async def test_the_holder_is_warned_before_the_end_and_again_before_a_later_one(alice: httpx.AsyncClient) -> None:
    async with stream(alice) as events:
        one = await create(alice, ttl_seconds=2)
        first = await until(events, "workspace.expiry_warned")
        assert first["facts"]["expires_at"] == one["expires_at"]
        assert time(first["at"]) < time(one["expires_at"])

        longer = await extend(alice, one["id"], 1)
        second = await until(events, "workspace.expiry_warned")
        assert second["facts"]["expires_at"] == longer["expires_at"]
        assert time((await until(events, "workspace.expired"))["at"]) >= time(longer["expires_at"])


@pytest.mark.line("V38", "V39")
async def test_a_warning_that_came_due_while_nothing_ran_is_given_before_the_end(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, role="api") as tenure, tenure.client() as alice:
        id = (await create(alice, ttl_seconds=1))["id"]
    async with served(database, tmp_path) as tenure, tenure.client() as alice:
        await until_gone(alice, id)
        trail = fine(await alice.get("/api/v1/audit/events", params={"subject": id}))["events"]
        kinds = [entry["kind"] for entry in trail]
        assert kinds.count("workspace.expiry_warned") == 1
        assert kinds.index("workspace.expiry_warned") < kinds.index("workspace.expired")


async def test_a_deadline_is_explained_by_the_events_that_set_it(alice: httpx.AsyncClient) -> None:
    answer = await alice.post(WORKSPACES, json={"name": "a", "ttl_seconds": 3600}, headers={"x-request-id": "create-1"})
    one = fine(answer)
    await alice.post(f"{WORKSPACES}/{one['id']}/extend", json={"ttl_seconds": 60}, headers={"x-request-id": "extend-1"})

    body = await deadline(alice, one["id"])
    assert body["workspace_id"] == one["id"]
    assert time(body["expires_at"]) == time(one["expires_at"]) + timedelta(seconds=60)
    assert 0 < body["remaining_seconds"] <= 3660
    assert body["warned"] is False
    requested, extended = body["events"]
    assert (requested["kind"], requested["request_id"]) == ("workspace.requested", "create-1")
    assert (requested["at"], requested["ttl_seconds"], requested["expires_at"]) == (
        one["created_at"],
        3600,
        one["expires_at"],
    )
    assert (extended["kind"], extended["request_id"]) == ("workspace.extended", "extend-1")
    assert (extended["ttl_seconds"], extended["expires_at"]) == (3660, body["expires_at"])
    assert requested["by"] == extended["by"] is not None
    assert requested["position"] < extended["position"]


async def test_a_deadline_tells_whether_its_holder_was_warned(alice: httpx.AsyncClient) -> None:
    async with stream(alice) as events:
        one = await create(alice, ttl_seconds=2)
        await until(events, "workspace.expiry_warned")
        await extend(alice, one["id"], 2)  # it is warned of that later, too
        assert (await deadline(alice, one["id"]))["warned"] is False
        await until(events, "workspace.expiry_warned")
        body = await deadline(alice, one["id"])
        assert body["warned"] is True
        kinds = [event["kind"].partition(".")[2] for event in body["events"]]
        assert kinds == ["requested", "expiry_warned", "extended", "expiry_warned"]


async def test_without_a_term_there_is_no_deadline_to_explain(alice: httpx.AsyncClient) -> None:
    one = await create(alice)
    body = await deadline(alice, one["id"])
    assert (body["expires_at"], body["remaining_seconds"], body["warned"]) == (None, None, False)
    assert [event["kind"] for event in body["events"]] == ["workspace.requested"]


async def test_what_has_ended_has_no_deadline_any_more(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await create(alice, ttl_seconds=1)
    await until_gone(alice, one["id"])
    refused(await alice.get(f"{WORKSPACES}/{one['id']}/deadline"), 404)
    refused(await alice.post(f"{WORKSPACES}/{one['id']}/extend", json={"ttl_seconds": 60}), 404)
