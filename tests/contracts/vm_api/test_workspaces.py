"""Listing, creating, getting and deleting workspaces (V04 to V13)."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.contracts.asking import (
    NOBODY,
    WORKSPACES,
    create,
    fine,
    get,
    operations,
    refused,
    running,
    until_gone,
    until_status,
)
from tests.support.server import Served, eventually


@pytest.mark.line("V04", "V05")
async def test_the_list_is_a_bare_array_of_ones_own_newest_first(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    assert fine(await alice.get(WORKSPACES)) == []
    first, second = await create(alice, name="one"), await create(alice, name="two")
    his = await create(bob, name="his")

    assert [workspace["id"] for workspace in fine(await alice.get(WORKSPACES))] == [second["id"], first["id"]]
    assert [workspace["id"] for workspace in fine(await bob.get(WORKSPACES))] == [his["id"]]


@pytest.mark.line("V04", "V09")
async def test_the_list_shows_each_as_get_does(alice: httpx.AsyncClient) -> None:
    one = await running(alice, template="nodejs", ttl_seconds=3600)
    assert fine(await alice.get(WORKSPACES)) == [one] == [await get(alice, one["id"])]


@pytest.mark.line("V06")
async def test_a_name_is_enough(alice: httpx.AsyncClient) -> None:
    workspace = fine(await alice.post(WORKSPACES, json={"name": "my-workspace"}))
    assert (workspace["name"], workspace["template"], workspace["ttl_seconds"]) == ("my-workspace", None, None)


@pytest.mark.line("V06")
async def test_template_and_term_may_be_asked_for(alice: httpx.AsyncClient) -> None:
    body = {"name": "my-workspace", "template": "nodejs", "ttl_seconds": 86400}
    assert fine(await alice.post(WORKSPACES, json=body)).items() >= body.items()


@pytest.mark.line("V06")
async def test_what_other_programs_send_as_well_is_ignored(alice: httpx.AsyncClient) -> None:
    workspace = await create(
        alice, owner="bob", provider="cloud", repo_url="https://example.com/r.git", status="running"
    )
    assert (workspace["owner"], workspace["status"]) == ("alice", "creating")
    assert workspace["provider"] != "cloud"


@pytest.mark.line("V06")
async def test_without_a_name_nothing_is_made(alice: httpx.AsyncClient) -> None:
    refused(await alice.post(WORKSPACES, json={"template": "nodejs"}), 400, "name")
    assert fine(await alice.get(WORKSPACES)) == []


async def test_the_same_name_twice_is_two_workspaces(alice: httpx.AsyncClient) -> None:
    first, second = await running(alice, name="same"), await running(alice, name="same")
    assert first["id"] != second["id"]
    assert first["provider_id"] != second["provider_id"]


@pytest.mark.line("V07")
async def test_what_is_made_is_creating(alice: httpx.AsyncClient) -> None:
    workspace = await create(alice)
    assert workspace["status"] == "creating"
    assert (workspace["provider_id"], workspace["connection_info"], workspace["error_message"]) == (None, None, None)


@pytest.mark.line("V08", "V30")
async def test_it_then_runs_without_anybody_doing_anything(alice: httpx.AsyncClient) -> None:
    id = (await create(alice))["id"]
    assert (await until_status(alice, id, "running"))["id"] == id


@pytest.mark.line("V08", "V30")
async def test_or_it_fails(tenure: Served, alice: httpx.AsyncClient) -> None:
    tenure.engine.refuses = "there is no such image"
    id = (await create(alice))["id"]
    assert (await until_status(alice, id, "failed"))["id"] == id


@pytest.mark.line("V09")
async def test_one_can_be_got(alice: httpx.AsyncClient) -> None:
    workspace = await create(alice, name="mine")
    assert (await get(alice, workspace["id"]))["name"] == "mine"


@pytest.mark.line("V10")
async def test_an_id_that_there_is_not_is_404(alice: httpx.AsyncClient) -> None:
    for id in (NOBODY, "my-workspace", "0", "null"):
        refused(await alice.get(f"{WORKSPACES}/{id}"), 404)
        refused(await alice.delete(f"{WORKSPACES}/{id}"), 404)


@pytest.mark.line("V11")
async def test_deleting_says_so(alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    assert fine(await alice.delete(f"{WORKSPACES}/{one['id']}")) == {"message": "Workspace deleted"}


@pytest.mark.line("V12")
async def test_deleting_destroys_the_machine(tenure: Served, alice: httpx.AsyncClient) -> None:
    one, other = await running(alice), await running(alice)
    assert {str(id) for id in tenure.engine.machines} == {one["id"], other["id"]}

    await alice.delete(f"{WORKSPACES}/{one['id']}")
    await eventually(lambda: is_left(tenure, other["id"]))


async def is_left(tenure: Served, *ids: str) -> bool:
    return {str(id) for id in tenure.engine.machines} == {*ids}


@pytest.mark.line("V13")
async def test_what_is_deleted_is_gone_at_once(alice: httpx.AsyncClient) -> None:
    one, other = await running(alice), await running(alice)
    await alice.delete(f"{WORKSPACES}/{one['id']}")

    refused(await alice.get(f"{WORKSPACES}/{one['id']}"), 404)
    refused(await alice.delete(f"{WORKSPACES}/{one['id']}"), 404)
    assert [workspace["id"] for workspace in fine(await alice.get(WORKSPACES))] == [other["id"]]


@pytest.mark.line("V12", "V13")
async def test_what_is_still_being_made_can_be_deleted(tenure: Served, alice: httpx.AsyncClient) -> None:
    started, let_go = asyncio.Event(), asyncio.Event()

    async def hold(call: str, id: object) -> None:
        if call == "ensure_running":
            started.set()
            await let_go.wait()

    tenure.engine.before = hold
    id = (await create(alice))["id"]
    await started.wait()
    fine(await alice.delete(f"{WORKSPACES}/{id}"))
    refused(await alice.get(f"{WORKSPACES}/{id}"), 404)

    let_go.set()
    await eventually(lambda: was_made_and_is_gone(tenure))


async def was_made_and_is_gone(tenure: Served) -> bool:
    return tenure.engine.created_count == 1 and not tenure.engine.machines


@pytest.mark.line("V13")
@pytest.mark.parametrize("status", ["stopped", "failed"])
async def test_a_workspace_in_any_status_can_be_deleted(tenure: Served, alice: httpx.AsyncClient, status: str) -> None:
    if status == "failed":
        tenure.engine.refuses = "there is no such image"
    one = await create(alice)
    if status == "stopped":
        await until_status(alice, one["id"], "running")
        await alice.post(f"{WORKSPACES}/{one['id']}/stop")
    await until_status(alice, one["id"], status)

    fine(await alice.delete(f"{WORKSPACES}/{one['id']}"))
    await until_gone(alice, one["id"])
    await eventually(lambda: is_left(tenure))


@pytest.mark.line("V05", "V10")
async def test_somebody_elses_is_not_there_under_any_address(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    hers = await running(alice, ttl_seconds=3600)
    schema = (await alice.get("/openapi.json")).json()
    about_one = [endpoint for endpoint in operations(schema, hers["id"]) if hers["id"] in endpoint[1]]
    assert len(about_one) >= 11
    for method, path in about_one:
        body = {"ttl_seconds": 60} if path.endswith("extend") else None
        refused(await bob.request(method, path, json=body), 404)
    assert await get(alice, hers["id"]) == hers
