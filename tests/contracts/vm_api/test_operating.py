"""Starting, stopping and restarting (V41), and the list of operations (V42)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.contracts.asking import NOBODY, WORKSPACES, create, fine, get, refused, running, until_gone, until_status
from tests.contracts.vm_api.test_fields import FIELDS, time
from tests.support.server import Served, eventually

OPERATIONS = "/api/v1/operations"


async def ask(client: httpx.AsyncClient, id: str, operation: str) -> Any:
    return fine(await client.post(f"{WORKSPACES}/{id}/{operation}"))


async def operations_of(client: httpx.AsyncClient, id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = fine(await client.get(OPERATIONS, params={"workspace_id": id}))
    return rows


async def until_done(client: httpx.AsyncClient, id: str) -> list[dict[str, Any]]:
    async def all_done() -> list[dict[str, Any]] | None:
        rows = await operations_of(client, id)
        return rows if all(row["completed_at"] for row in rows) else None

    rows: list[dict[str, Any]] = await eventually(all_done)
    return rows


@pytest.mark.line("V41", "V32")
async def test_stop_and_start(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    stopping = await ask(alice, one["id"], "stop")
    assert list(stopping) == FIELDS and stopping["id"] == one["id"]
    await until_status(alice, one["id"], "stopped")
    assert not tenure.engine.machines[UUID(one["id"])].running

    assert (await ask(alice, one["id"], "start"))["id"] == one["id"]
    await until_status(alice, one["id"], "running")
    assert tenure.engine.machines[UUID(one["id"])].running
    assert tenure.engine.created_count == 1


@pytest.mark.line("V41")
async def test_restart(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    assert (await ask(alice, one["id"], "restart"))["metadata"] == {"operation": "restart"}
    await until_status(alice, one["id"], "running")
    assert ("restart", UUID(one["id"])) in tenure.engine.calls


@pytest.mark.line("V41")
async def test_what_is_so_already_is_answered_and_left_alone(alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    assert await ask(alice, one["id"], "start") == one
    assert [row["operation_type"] for row in await operations_of(alice, one["id"])] == ["Create"]


@pytest.mark.line("V41")
async def test_one_thing_at_a_time(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    tenure.engine.away = True
    await ask(alice, one["id"], "stop")
    assert (await ask(alice, one["id"], "stop"))["metadata"] == {"operation": "stop"}
    refused(await alice.post(f"{WORKSPACES}/{one['id']}/restart"), 409, "a stop is under way")


@pytest.mark.line("V41")
async def test_what_is_not_there_yet_cannot_be_operated(tenure: Served, alice: httpx.AsyncClient) -> None:
    tenure.engine.away = True
    one = await create(alice)
    for operation in ("start", "stop", "restart"):
        refused(await alice.post(f"{WORKSPACES}/{one['id']}/{operation}"), 409, "creating")


@pytest.mark.line("V41")
async def test_an_empty_json_body_is_fine(alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    headers = {"Content-Type": "application/json"}
    fine(await alice.post(f"{WORKSPACES}/{one['id']}/stop", content=b"", headers=headers))


@pytest.mark.line("V42")
async def test_operations_are_listed_newest_first_with_what_came_of_them(alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    for operation, status in (("stop", "stopped"), ("start", "running"), ("restart", "running")):
        await ask(alice, one["id"], operation)
        await until_status(alice, one["id"], status)
    await alice.delete(f"{WORKSPACES}/{one['id']}")

    rows = await until_done(alice, one["id"])
    assert [row["operation_type"] for row in rows] == ["Delete", "Restart", "Start", "Stop", "Create"]
    for row in rows:
        assert list(row) == [
            "id",
            "workspace_id",
            "operation_type",
            "status",
            "started_at",
            "completed_at",
            "error",
        ]
        assert (row["workspace_id"], row["status"], row["error"]) == (one["id"], "Success", None)
        assert time(row["started_at"]) <= time(row["completed_at"])


@pytest.mark.line("V42")
@pytest.mark.fault("F73")
async def test_operations_are_listed_by_type_and_status(tenure: Served, alice: httpx.AsyncClient) -> None:
    first, second = await running(alice), await running(alice)
    await ask(alice, first["id"], "stop")
    await until_status(alice, first["id"], "stopped")
    tenure.engine.away = True
    await ask(alice, second["id"], "stop")

    async def listed(**params: str) -> list[tuple[str, str]]:
        rows = fine(await alice.get(OPERATIONS, params=params))
        return [(row["operation_type"], row["workspace_id"]) for row in rows]

    assert await listed(type="Stop") == [("Stop", second["id"]), ("Stop", first["id"])]
    assert await listed(type="Stop", status="Success") == [("Stop", first["id"])]
    assert await listed(type="Create", workspace_id=first["id"]) == [("Create", first["id"])]
    assert await listed(status="Failed") == []
    refused(await alice.get(OPERATIONS, params={"type": "stop"}), 400, "type")


@pytest.mark.line("V42")
async def test_without_a_workspace_all_of_ones_own_are_listed(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    first, second = await running(alice), await running(alice)
    his = await running(bob)
    assert [row["workspace_id"] for row in fine(await alice.get(OPERATIONS))] == [second["id"], first["id"]]
    assert await operations_of(alice, his["id"]) == []
    assert await operations_of(alice, NOBODY) == []


@pytest.mark.line("V42")
async def test_one_operation_can_be_got(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    one = await running(alice)
    (creation,) = await until_done(alice, one["id"])
    assert fine(await alice.get(f"{OPERATIONS}/{creation['id']}")) == creation
    refused(await bob.get(f"{OPERATIONS}/{creation['id']}"), 404)
    for id in (NOBODY, "1", one["id"]):
        refused(await alice.get(f"{OPERATIONS}/{id}"), 404)


@pytest.mark.line("V42")
async def test_what_is_under_way_is_running_and_what_waits_says_for_what(
    tenure: Served, alice: httpx.AsyncClient
) -> None:
    tenure.engine.away = True
    id = (await create(alice))["id"]

    async def waits() -> bool:
        (row,) = await operations_of(alice, id)
        return (row["status"], row["error"]) == ("Pending", "the engine does not answer")

    await eventually(waits)
    tenure.engine.away = False
    (row,) = await until_done(alice, id)
    assert (row["status"], row["error"]) == ("Success", None)


@pytest.mark.line("V42")
async def test_what_failed_says_why(tenure: Served, alice: httpx.AsyncClient) -> None:
    tenure.engine.refuses = "there is no such image"
    one = await create(alice)
    await until_status(alice, one["id"], "failed")
    (row,) = await until_done(alice, one["id"])
    assert (row["operation_type"], row["status"], row["error"]) == ("Create", "Failed", "there is no such image")


@pytest.mark.line("V42")
async def test_what_ended_by_itself_was_deleted(alice: httpx.AsyncClient) -> None:
    one = await create(alice, ttl_seconds=1)
    await until_gone(alice, one["id"])
    assert [row["operation_type"] for row in await until_done(alice, one["id"])] == ["Delete", "Create"]


@pytest.mark.line("V42")
async def test_an_operation_that_the_engine_refuses_leaves_it_as_it_was(
    tenure: Served, alice: httpx.AsyncClient
) -> None:
    one = await running(alice)
    tenure.engine.machines.clear()  # so that there is nothing to restart
    await ask(alice, one["id"], "restart")
    row = (await until_done(alice, one["id"]))[0]
    assert (row["operation_type"], row["status"]) == ("Restart", "Failed")
    assert row["error"] == "there is no machine to restart"
    assert (await get(alice, one["id"]))["metadata"] is None
