"""/sessions: hosting, listing and ending sessions, and the input that hosting accepts."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.contracts.warpdrive.asking import refused
from tests.contracts.warpdrive.people import host, keyholder, public_key
from tests.support.server import Served, eventually, served

SIX = {"session_id", "alias", "region", "no_join", "machine_id", "started_at"}
ASKED = {"machine_id": "default", "region": "local", "pub_key": public_key("owner")}


@pytest.mark.line("W08", "W09")
async def test_a_session_is_answered_with_what_it_is(anna: httpx.AsyncClient, tenure: Served) -> None:
    answer = await anna.post("/sessions", json=ASKED | {"no_join": True})
    assert answer.status_code == 201
    session = answer.json()
    assert set(session) == SIX
    assert UUID(session["session_id"])
    assert (session["region"], session["machine_id"], session["no_join"]) == ("local", "default", True)
    assert session["started_at"].endswith("Z") and datetime.fromisoformat(session["started_at"])
    assert (await host(anna))["no_join"] is False
    assert set(tenure.engine.keys.values()) == {public_key("owner")}  # opened by it, before it was answered


@pytest.mark.line("W07", "W14")
async def test_the_list_has_what_runs_for_the_caller(anna: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    sessions = [await host(anna) for _ in range(3)]
    await host(ben)
    assert (await anna.get("/sessions")).json() == sessions[::-1]
    assert (await anna.get("/sessions", params={"limit": 1, "offset": 1})).json() == [sessions[1]]
    assert (await anna.delete(f"/sessions/{sessions[1]['session_id']}")).status_code == 200
    assert (await anna.get("/sessions")).json() == [sessions[2], sessions[0]]
    refused(await anna.get("/sessions", params={"limit": "x"}), 400, "invalid")


@pytest.mark.line("W10")
@pytest.mark.parametrize("missing", list(ASKED))
async def test_a_field_that_is_missing(anna: httpx.AsyncClient, missing: str) -> None:
    body = {name: value for name, value in ASKED.items() if name != missing}
    refused(await anna.post("/sessions", json=body), 400, "invalid", missing)


BAD: list[tuple[str, Any, str]] = [
    ("machine_id", "huge", "default"),
    ("machine_id", 1, "machine_id"),
    ("region", "moon", "local"),
    ("no_join", "yes", "no_join"),
    ("pub_key", "", "pub_key"),
    ("pub_key", "not a key", "pub_key"),
    ("pub_key", 'command="id" ' + public_key("owner"), "options"),
    ("pub_key", public_key("owner") + "\n" + public_key("other"), "one line"),
]


@pytest.mark.line("W10")
@pytest.mark.parametrize(("field", "value", "says"), BAD)
async def test_a_field_that_is_wrong(anna: httpx.AsyncClient, field: str, value: Any, says: str) -> None:
    refused(await anna.post("/sessions", json=ASKED | {field: value}), 400, "invalid", says)
    assert (await anna.get("/sessions")).json() == []


@pytest.mark.line("W11")
async def test_ids_and_aliases_are_unique_and_can_be_said(tenure: Served) -> None:
    sessions = []
    for name in ("anna", "ben"):  # each may hold ten
        async with keyholder(tenure, name) as client:
            sessions += [await host(client) for _ in range(10)]
    assert len({one["session_id"] for one in sessions}) == len({one["alias"] for one in sessions}) == 20
    assert all(re.fullmatch("[a-z]+-[a-z]+-[0-9]{2}", one["alias"]) for one in sessions)


@pytest.mark.line("W11")
async def test_an_alias_is_taken_while_its_session_runs_and_free_afterwards(
    anna: httpx.AsyncClient, tenure: Served
) -> None:
    aliases = iter(["brave-otter-42", "brave-otter-42", "calm-heron-17", "brave-otter-42"])
    object.__setattr__(tenure.tenure.deps.warpdrive.hosted_sessions, "aliases", lambda: next(aliases))
    first, second = await host(anna), await host(anna)
    assert (first["alias"], second["alias"]) == ("brave-otter-42", "calm-heron-17")
    assert (await anna.delete(f"/sessions/{first['session_id']}")).status_code == 200
    assert (await host(anna))["alias"] == "brave-otter-42"


@pytest.mark.line("W36")
@pytest.mark.parametrize("method", ["delete", "terminate"])
async def test_it_is_ended_by_its_owner(anna: httpx.AsyncClient, tenure: Served, method: str) -> None:
    session = await host(anna)
    path = f"/sessions/{session['session_id']}"

    async def end() -> httpx.Response:
        return await (anna.delete(path) if method == "delete" else anna.post(f"{path}/terminate"))

    assert (await end()).status_code == 200
    refused(await anna.get(path), 404, "not_found")
    refused(await end(), 404, "not_found")

    async def nothing_is_left() -> bool:
        return not tenure.engine.machines

    await eventually(nothing_is_left)


async def test_it_ends_with_its_machine(anna: httpx.AsyncClient, tenure: Served) -> None:
    session = await host(anna)
    (machine,) = tenure.engine.machines
    async with tenure.client("anna") as vm_api:
        assert (await vm_api.delete(f"/api/v1/workspaces/{machine}")).status_code == 200
    assert (await anna.get("/sessions")).json() == []
    refused(await anna.get(f"/sessions/{session['session_id']}"), 404, "not_found")


async def test_it_ends_when_its_term_is_over(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, session_seconds=1) as tenure, keyholder(tenure, "anna") as anna:
        session = await host(anna)

        async def is_over() -> bool:
            return (await anna.get(f"/sessions/{session['session_id']}")).status_code == 404

        await eventually(is_over)
        assert (await anna.get("/sessions")).json() == []


async def test_a_machine_that_cannot_be_made_is_told_and_leaves_nothing(
    anna: httpx.AsyncClient, tenure: Served
) -> None:
    tenure.engine.refuses = "there is no such image"
    refused(await anna.post("/sessions", json=ASKED), 503, "unavailable", "no such image")
    assert (await anna.get("/sessions")).json() == []


@pytest.mark.parametrize("path", ["", "/guests"])
async def test_what_is_somebody_elses_is_not_there(anna: httpx.AsyncClient, ben: httpx.AsyncClient, path: str) -> None:
    session = await host(anna)
    refused(await ben.get(f"/sessions/{session['session_id']}{path}"), 404, "not_found", "no such session")
    refused(await ben.get(f"/sessions/{UUID(int=1)}{path}"), 404, "not_found", "no such session")
    refused(await ben.get(f"/sessions/nothing{path}"), 404, "not_found", "no such session")
    refused(await ben.delete(f"/sessions/{session['session_id']}"), 404, "not_found", "no such session")
    assert (await anna.get(f"/sessions/{session['session_id']}")).status_code == 200


@pytest.mark.fault("F74")
async def test_where_machines_have_no_ssh_a_session_is_refused(anna: httpx.AsyncClient, tenure: Served) -> None:
    tenure.engine.has_ssh = False
    refused(await anna.post("/sessions", json=ASKED), 400, "invalid", "sessions need machines with SSH")
    assert (await anna.get("/sessions")).json() == []
    assert tenure.engine.machines == {}
