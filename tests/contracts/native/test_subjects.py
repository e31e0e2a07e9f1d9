"""GET /api/v1/audit/subjects/{id}: the state of one subject at a position of the log or at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson

from domain.quota import Quotas
from domain.quota_defaults import Kind
from domain.role import Role
from domain.workshop import Workshop
from interfaces.native import views
from tests.contracts.asking import NOBODY, WORKSPACES, create, fine, refused, running, until_status
from tests.contracts.clarateach import teaching
from tests.support.server import served


def address(id: str) -> str:
    return f"/api/v1/audit/subjects/{id}"


async def at(client: httpx.AsyncClient, id: str, moment: Any) -> Any:
    return fine(await client.get(address(id), params={"at": moment}))


async def history(client: httpx.AsyncClient, id: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = fine(await client.get("/api/v1/audit/events", params={"subject": id}))["events"]
    return events


def expected_state(workspace: dict[str, Any]) -> dict[str, Any]:
    """The state that the log must show for a workspace as GET returned it."""
    return {
        "name": workspace["name"],
        "template": workspace["template"],
        "provider": workspace["provider"],
        "status": workspace["status"],
        "ttl_seconds": workspace["ttl_seconds"],
        "created_at": datetime.fromisoformat(workspace["created_at"]),
        "updated_at": datetime.fromisoformat(workspace["updated_at"]),
        "expires_at": datetime.fromisoformat(workspace["expires_at"]),
        "operation": (workspace["metadata"] or {}).get("operation"),
        "error": workspace["error_message"],
    }


def remembered(state: dict[str, Any]) -> dict[str, Any]:
    times = {key: datetime.fromisoformat(state[key]) for key in ("created_at", "updated_at", "expires_at")}
    keys = ("name", "template", "provider", "status", "ttl_seconds", "operation", "error")
    return {key: state[key] for key in keys} | times


async def test_it_is_what_the_list_showed_at_that_position_and_at_that_time(alice: httpx.AsyncClient) -> None:
    id = (await create(alice, template="nodejs", ttl_seconds=3600))["id"]
    versions: list[tuple[int, dict[str, Any]]] = []

    async def note(status: str) -> None:
        await until_status(alice, id, status)
        answer = await alice.get(WORKSPACES)
        versions.append((int(answer.headers["x-tenure-position"]), answer.json()[0]))

    await note("running")
    await alice.post(f"{WORKSPACES}/{id}/stop")
    await note("stopped")
    await alice.post(f"{WORKSPACES}/{id}/extend", json={"ttl_seconds": 60})
    await note("stopped")
    await alice.post(f"{WORKSPACES}/{id}/start")
    await note("running")

    assert len({position for position, _ in versions}) == 4
    for position, workspace in versions:
        for moment in (position, workspace["updated_at"]):
            assert remembered((await at(alice, id, moment))["state"]) == expected_state(workspace)


async def test_every_event_can_be_gone_back_to(alice: httpx.AsyncClient) -> None:
    one = await running(alice, ttl_seconds=3600)
    await alice.post(f"{WORKSPACES}/{one['id']}/stop")
    await until_status(alice, one["id"], "stopped")
    events = await history(alice, one["id"])
    assert len(events) == 4
    for event in events:
        for moment in (
            event["position"],
            event["at"],
            event["at"].replace("Z", ""),
            event["at"].replace("Z", "+00:00"),
        ):
            then = await at(alice, one["id"], moment)
            assert (then["subject"], then["kind"], then["version"]) == (one["id"], "workspace", event["version"])
    assert (await at(alice, one["id"], 10**17))["version"] == 4
    assert (await at(alice, one["id"], "9999-01-01"))["version"] == 4


async def test_without_a_moment_it_is_what_it_is_now(alice: httpx.AsyncClient) -> None:
    one = await running(alice, ttl_seconds=3600)
    now = fine(await alice.get(address(one["id"])))
    assert now["version"] == 2
    assert remembered(now["state"]) == expected_state(one)
    assert datetime.fromisoformat(now["at"]) > datetime.fromisoformat(one["updated_at"])


async def test_what_has_ended_is_still_shown_and_says_why(alice: httpx.AsyncClient) -> None:
    one = await running(alice)
    await alice.delete(f"{WORKSPACES}/{one['id']}")
    body = fine(await alice.get(address(one["id"])))
    assert (body["state"]["status"], body["state"]["ended_because"]) == ("ended", "it was deleted")
    assert (await at(alice, one["id"], 2))["state"]["status"] == "running"


async def test_before_its_first_event_it_was_not_there(alice: httpx.AsyncClient) -> None:
    await running(alice)
    one = await create(alice)
    first = (await history(alice, one["id"]))[0]
    for moment in (0, first["position"] - 1, "2000-01-01", "0001-01-01T00:00:00Z"):
        refused(await alice.get(address(one["id"]), params={"at": moment}), 404, first["at"])
    assert (await at(alice, one["id"], first["at"]))["version"] == 1


async def test_it_is_its_owners_and_the_auditors(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, auditors=["eve"]) as tenure,
        tenure.client("alice") as alice,
        tenure.client("bob") as bob,
        tenure.client("eve") as eve,
    ):
        hers = await running(alice)
        assert (await at(eve, hers["id"], 1))["state"] == (await at(alice, hers["id"], 1))["state"]
        refused(await bob.get(address(hers["id"])), 404, "no such subject")
        refused(await bob.get(address(hers["id"]), params={"at": 1}), 404, "no such subject")
        refused(await eve.get(address(NOBODY)), 404, "no such subject")


async def test_however_its_id_is_written_it_is_told_in_one_way(alice: httpx.AsyncClient) -> None:
    one = await create(alice)
    for written in (one["id"].upper(), f"{{{one['id']}}}", f"urn:uuid:{one['id']}"):
        assert fine(await alice.get(address(written)))["subject"] == one["id"]


async def test_a_workshop_is_shown_with_its_seats_by_number_and_its_machines_by_id(
    database: str, tmp_path: Path
) -> None:
    async with (
        served(database, tmp_path, auditors=["eve"]) as tenure,
        tenure.client(None) as instructor,
        tenure.client("eve") as eve,
    ):
        workshop = await teaching.running(instructor)
        state = fine(await eve.get(address(str(Workshop.id_of(workshop["id"])))))["state"]
        assert list(state["seats"]) == ["1", "2"]
        assert state["standing"] == {seat["machine_id"]: int(number) for number, seat in state["seats"].items()}


def test_quotas_are_shown_by_role_and_name() -> None:
    """Kinds of quotas are keys inside of other keys, and JSON takes plain text only."""
    now = datetime(2030, 1, 1, tzinfo=UTC)
    quotas = Quotas(id=UUID(int=1), at=now)
    quotas.set_for_role(Role.VIEWER, Kind.WORKSPACES, 3, now)
    assert orjson.loads(orjson.dumps(views.state(quotas)))["by_role"] == {"viewer": {"workspaces": 3}}
