"""Workshops: created, started, stopped and deleted (T01 to T19, T48)."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from application.access import Cause
from domain.workshop import Workshop
from tests.contracts.clarateach.teaching import (
    KEY,
    NEW,
    NOWHERE,
    WORKSHOPS,
    create_workshop,
    fine,
    get,
    join,
    kinds,
    refused,
    running,
    until,
)
from tests.support.server import Served, eventually, served


@pytest.mark.line("T01", "T04", "T07", "T08", "T12", "T14", "T48")
async def test_one_is_made_and_listed_by_who_does_not_say_who_they_are(client: httpx.AsyncClient) -> None:
    answer = await client.post(WORKSHOPS, json=NEW)
    workshop = fine(answer, 201)["workshop"]
    assert {name: workshop[name] for name in ("name", "seats", "status")} == {
        "name": NEW["name"],
        "seats": 2,
        "status": "created",
    }
    assert re.fullmatch("ws-[a-z0-9]{6}", workshop["id"])
    assert re.fullmatch("[A-HJ-NP-Z2-9]{4}-[A-HJ-NP-Z2-9]{4}", workshop["code"]), "easily mistaken letters"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", workshop["created_at"])
    assert not {"vm_name", "vm_ip", "endpoint", "error"} & workshop.keys()
    assert fine(await client.get(WORKSHOPS)) == {"workshops": [workshop]}


@pytest.mark.line("T06")
async def test_health(client: httpx.AsyncClient) -> None:
    assert fine(await client.get("/api/health"))["status"] == "ok"


@pytest.mark.line("T12")
async def test_the_api_key_is_told_to_the_seats_and_to_nobody_else(
    tenure: Served, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    workshop = await running(client)
    answers = [await client.get(WORKSHOPS), await client.get(f"{WORKSHOPS}/{workshop['id']}")]
    assert {env.get("ANTHROPIC_API_KEY") for env in tenure.engine.environments.values()} == {KEY}
    assert not any(KEY in answer.text for answer in answers)
    assert KEY not in caplog.text
    assert KEY not in await everything(tenure)


async def everything(tenure: Served) -> str:
    """All rows of all tables, as text."""
    tables = "select table_name from information_schema.tables where table_schema = 'public'"
    dump = []
    async with tenure.tenure.pool.connection() as conn:
        for (table,) in await (await conn.execute(tables)).fetchall():
            rows = await (await conn.execute(f"select * from {table}")).fetchall()
            dump += [
                value.decode("latin-1") if isinstance(value, bytes) else str(value) for row in rows for value in row
            ]
    return "\n".join(dump)


@pytest.mark.line("T10")
async def test_one_is_shown_and_none_is_not_found(client: httpx.AsyncClient) -> None:
    workshop = await create_workshop(client)
    assert await get(client, workshop["id"]) == workshop
    refused(await client.get(NOWHERE), 404, "NOT_FOUND")


WRONG = [
    {"name": ""},
    {"name": "x" * 101},
    {"name": "two\nlines"},
    {"name": None},
    {"name": 3},
    {"seats": 0},
    {"seats": 11},
    {"seats": "3"},
    {"seats": 2.5},
    {"api_key": "123456789"},
    {"api_key": "with a\nline break"},
    {"api_key": None},
]


@pytest.mark.line("T03", "T05", "T11", "T13")
@pytest.mark.parametrize("wrong", WRONG, ids=str)
async def test_what_is_not_valid_is_refused(client: httpx.AsyncClient, wrong: dict[str, object]) -> None:
    refused(await client.post(WORKSHOPS, json=NEW | wrong), 400, "INVALID_INPUT")


@pytest.mark.line("T11", "T13")
@pytest.mark.parametrize("missing", NEW)
async def test_every_field_is_needed(client: httpx.AsyncClient, missing: str) -> None:
    body = {name: value for name, value in NEW.items() if name != missing}
    refused(await client.post(WORKSHOPS, json=body), 400, "INVALID_INPUT")
    assert fine(await client.get(WORKSHOPS)) == {"workshops": []}


@pytest.mark.line("T03", "T05")
async def test_errors_of_the_framework_have_the_same_shape(client: httpx.AsyncClient) -> None:
    refused(await client.post(WORKSHOPS, content=b"{"), 400, "INVALID_INPUT")
    refused(await client.get(f"{WORKSHOPS}/ws-abcdef/nothing"), 404, "NOT_FOUND")
    refused(await client.put(WORKSHOPS), 405, "METHOD_NOT_ALLOWED")


@pytest.mark.line("T09", "T15", "T16", "T17")
async def test_a_start_is_under_way_and_then_it_runs(tenure: Served, client: httpx.AsyncClient) -> None:
    id = (await create_workshop(client, seats=10))["id"]
    started = fine(await client.post(f"{WORKSHOPS}/{id}/start"), 202)["workshop"]
    assert started["status"] == "provisioning"
    refused(await client.post(f"{WORKSHOPS}/{id}/start"), 400, "ALREADY_RUNNING")
    workshop = await until(client, id, "running")
    assert (workshop["vm_name"], workshop["vm_ip"], workshop["endpoint"]) == (
        f"clarateach-{id}",
        "127.0.0.1",
        tenure.url,
    )
    assert len(tenure.engine.machines) == 10
    assert tenure.engine.on_networks == {Workshop.id_of(id): set(tenure.engine.machines)}
    refused(await client.post(f"{WORKSHOPS}/{id}/start"), 400, "ALREADY_RUNNING")
    refused(await client.post(f"{NOWHERE}/start"), 404, "NOT_FOUND")


@pytest.mark.line("T18", "T19")
async def test_a_stop_destroys_everything_and_it_can_be_started_again(
    tenure: Served, client: httpx.AsyncClient
) -> None:
    workshop = await running(client)
    before = set(tenure.engine.machines)
    await join(client, workshop["code"])
    assert fine(await client.post(f"{WORKSHOPS}/{workshop['id']}/stop")) == {"success": True}
    refused(await client.post(f"{WORKSHOPS}/{workshop['id']}/stop"), 400, "NOT_RUNNING")
    stopped = await until(client, workshop["id"], "stopped")
    assert "endpoint" not in stopped and "expires_at" not in stopped
    assert tenure.engine.machines == {} and tenure.engine.on_networks == {}
    assert (await kinds(tenure, workshop["id"]))[-2:] == ["workshop.emptied", "workshop.stopped"]
    refused(await client.post(f"{WORKSHOPS}/{workshop['id']}/stop"), 400, "NOT_RUNNING")
    refused(await client.post(f"{NOWHERE}/stop"), 404, "NOT_FOUND")

    fine(await client.post(f"{WORKSHOPS}/{workshop['id']}/start"), 202)
    again = await until(client, workshop["id"], "running")
    assert again["code"] == workshop["code"] and not before & set(tenure.engine.machines)
    assert (await join(client, workshop["code"]))["seat"] == 1, "the seats are free again"


@pytest.mark.line("T09")
async def test_a_start_that_fails_says_which_seat_and_leaves_nothing(tenure: Served, client: httpx.AsyncClient) -> None:
    tenure.engine.refuses = "no such image"
    id = (await create_workshop(client, seats=1))["id"]
    fine(await client.post(f"{WORKSHOPS}/{id}/start"), 202)
    stopped = await until(client, id, "stopped")
    assert stopped["error"] == "seat 1: no such image"
    assert (await kinds(tenure, id)).count("workshop.seat_requested") == 3
    assert tenure.engine.machines == {} and tenure.engine.on_networks == {}
    tenure.engine.refuses = None
    fine(await client.post(f"{WORKSHOPS}/{id}/start"), 202)
    assert "error" not in await until(client, id, "running")


async def test_a_machine_that_vanishes_is_replaced_and_its_learner_sits_there_still(
    tenure: Served, client: httpx.AsyncClient
) -> None:
    workshop = await running(client)
    lena = await join(client, workshop["code"], name="Lena")
    lost, *_ = tenure.engine.machines
    del tenure.engine.machines[lost]
    await tenure.tenure.deps.vm_api.workspaces.reconcile(lost, Cause(request_id="of a test"))

    async def replaced() -> bool:
        return len(tenure.engine.machines) == 2 and lost not in tenure.engine.machines

    await eventually(replaced)
    again = await join(client, workshop["code"], odehash=lena["odehash"])
    assert again["seat"] == lena["seat"] and (await get(client, workshop["id"]))["status"] == "running"


@pytest.mark.line("T48")
async def test_a_deleted_one_is_gone_with_its_machines(tenure: Served, client: httpx.AsyncClient) -> None:
    workshop = await running(client)
    assert fine(await client.delete(f"{WORKSHOPS}/{workshop['id']}")) == {"success": True}
    refused(await client.get(f"{WORKSHOPS}/{workshop['id']}"), 404, "NOT_FOUND")
    refused(await client.delete(f"{WORKSHOPS}/{workshop['id']}"), 404, "NOT_FOUND")
    refused(await client.post("/api/join", json={"code": workshop["code"]}), 404, "NOT_FOUND")

    async def is_gone() -> bool:
        async with tenure.tenure.pool.connection() as conn:
            keys = await (await conn.execute("select count(*) from workshop_keys")).fetchone()
        return not tenure.engine.machines and not tenure.engine.on_networks and keys == (0,)

    await eventually(is_gone)


@pytest.mark.line("T01")
async def test_where_others_can_ask_an_instructor_signs_in(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, portal_auth="required") as tenure,
        tenure.client(None) as nobody,
        tenure.client("alice") as alice,
        tenure.client("bob") as bob,
    ):
        for answer in (await nobody.get(WORKSHOPS), await nobody.post(WORKSHOPS, json=NEW)):
            refused(answer, 401, "UNAUTHORIZED")
            assert answer.headers["www-authenticate"] == "Bearer"
        own = await create_workshop(alice)
        assert fine(await bob.get(WORKSHOPS)) == {"workshops": []}
        for endpoint in ("GET ", "DELETE ", "POST /start", "POST /stop", "GET /learners"):
            method, path = endpoint.split(" ")
            refused(await bob.request(method, f"{WORKSHOPS}/{own['id']}{path}"), 404, "NOT_FOUND")
        assert [workshop["id"] for workshop in fine(await alice.get(WORKSHOPS))["workshops"]] == [own["id"]]


async def test_a_workshop_has_a_term_that_can_be_extended(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, workshop_seconds=3) as tenure, tenure.client(None) as client:
        workshop, longer = await running(client), await running(client)
        fine(await client.post(f"{WORKSHOPS}/{longer['id']}/extend", json={"seconds": 3600}))
        refused(await client.post(f"{NOWHERE}/extend", json={"seconds": 3600}), 404, "NOT_FOUND")
        await until(client, workshop["id"], "stopped")
        history = await kinds(tenure, workshop["id"])
        assert history.index("workshop.warned") < history.index("workshop.expired") < history.index("workshop.stopped")
        assert (await get(client, longer["id"]))["status"] == "running"


async def test_machines_are_the_workshop_s_own_and_nobody_s_workspaces(
    tenure: Served, client: httpx.AsyncClient
) -> None:
    await running(client)
    seat: UUID = next(iter(tenure.engine.machines))
    async with tenure.client("alice") as alice:
        assert (await alice.get("/api/v1/workspaces")).json() == []
        assert (await alice.delete(f"/api/v1/workspaces/{seat}")).status_code == 404
