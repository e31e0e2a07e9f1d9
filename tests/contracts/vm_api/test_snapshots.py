"""Snapshots of a workspace's files, and restoring them (V43)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from application.ports.errors import EngineRefused
from tests.contracts.asking import NOBODY, WORKSPACES, create, fine, refused, running, until_status
from tests.contracts.vm_api.test_fields import FIELDS, time
from tests.support.server import Served, eventually

KEYS = ["id", "workspace_id", "name", "status", "created_at", "size_bytes"]


async def take_snapshot(client: httpx.AsyncClient, id: str, **body: Any) -> dict[str, Any]:
    """Take a snapshot and wait until it is ready."""
    snapshot = fine(await client.post(f"{WORKSPACES}/{id}/snapshots", json=body))

    async def ready() -> dict[str, Any] | None:
        listed = fine(await client.get(f"{WORKSPACES}/{id}/snapshots"))
        return next((row for row in listed if row["id"] == snapshot["id"] and row["status"] == "ready"), None)

    shot: dict[str, Any] = await eventually(ready)
    return shot


@pytest.mark.line("V43")
async def test_a_snapshot_is_taking_and_then_ready(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    assert fine(await alice.get(f"{WORKSPACES}/{one['id']}/snapshots")) == []

    snapshot = fine(await alice.post(f"{WORKSPACES}/{one['id']}/snapshots", json={"name": "before the storm"}))
    assert list(snapshot) == KEYS
    assert snapshot.items() >= {"name": "before the storm", "status": "taking", "size_bytes": 0}.items()

    await until_status(alice, one["id"], "running")
    (ready,) = fine(await alice.get(f"{WORKSPACES}/{one['id']}/snapshots"))
    assert ready == snapshot | {"status": "ready", "size_bytes": 1000}
    assert time(ready["created_at"]) > time(one["created_at"])
    assert tenure.engine.snapshots == {UUID(one["id"]): {UUID(ready["id"])}}


@pytest.mark.line("V43")
@pytest.mark.parametrize("body", [None, b"", b"{}"])
async def test_it_needs_no_name_and_no_body(alice: httpx.AsyncClient, body: bytes | None) -> None:
    one = await running(alice)
    headers = {} if body is None else {"Content-Type": "application/json"}
    snapshot = fine(await alice.post(f"{WORKSPACES}/{one['id']}/snapshots", content=body, headers=headers))
    assert snapshot["name"] == ""


@pytest.mark.line("V43")
async def test_a_restore_makes_the_machine_anew_from_it(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    shot = await take_snapshot(alice, one["id"])

    restoring = fine(await alice.post(f"{WORKSPACES}/{one['id']}/snapshots/{shot['id']}/restore"))
    assert list(restoring) == FIELDS
    assert restoring["metadata"] == {"operation": "restore"}
    back = await until_status(alice, one["id"], "running")
    assert back["connection_info"]["container_id"] != one["connection_info"]["container_id"]
    assert UUID(one["id"]) in tenure.engine.restored
    rows = fine(await alice.get("/api/v1/operations", params={"workspace_id": one["id"]}))
    assert [row["operation_type"] for row in rows] == ["SnapshotRestore", "Snapshot", "Create"]


@pytest.mark.line("V43")
async def test_a_stopped_one_can_be_kept_and_brought_back(alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    fine(await alice.post(f"{WORKSPACES}/{one['id']}/stop"))
    await until_status(alice, one["id"], "stopped")
    shot = await take_snapshot(alice, one["id"])
    fine(await alice.post(f"{WORKSPACES}/{one['id']}/snapshots/{shot['id']}/restore"))
    await until_status(alice, one["id"], "running")


@pytest.mark.line("V43")
async def test_a_snapshot_that_could_not_be_taken_says_so(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await running(alice)

    async def full(call: str, id: UUID | None) -> None:
        if call == "snapshot":
            raise EngineRefused("no space is left")

    tenure.engine.before = full
    fine(await alice.post(f"{WORKSPACES}/{one['id']}/snapshots"))
    await until_status(alice, one["id"], "running")
    (failed,) = fine(await alice.get(f"{WORKSPACES}/{one['id']}/snapshots"))
    assert (failed["status"], failed["size_bytes"]) == ("failed", 0)
    refused(await alice.post(f"{WORKSPACES}/{one['id']}/snapshots/{failed['id']}/restore"), 404)


@pytest.mark.line("V43")
async def test_only_its_own_snapshots_can_be_restored(alice: httpx.AsyncClient) -> None:
    one, other = await running(alice), await running(alice)
    shot = await take_snapshot(alice, one["id"])
    for id in (shot["id"], NOBODY, "latest"):
        refused(await alice.post(f"{WORKSPACES}/{other['id']}/snapshots/{id}/restore"), 404, "snapshot")


@pytest.mark.line("V43")
async def test_what_is_not_there_yet_has_nothing_to_keep(tenure: Served, alice: httpx.AsyncClient) -> None:
    tenure.engine.away = True
    one = await create(alice)
    refused(await alice.post(f"{WORKSPACES}/{one['id']}/snapshots"), 409, "creating")


@pytest.mark.line("V43", "V12")
async def test_deleting_a_workspace_deletes_its_snapshots(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    await take_snapshot(alice, one["id"])
    fine(await alice.delete(f"{WORKSPACES}/{one['id']}"))

    async def nothing_left() -> bool:
        return not tenure.engine.snapshots

    await eventually(nothing_left)
