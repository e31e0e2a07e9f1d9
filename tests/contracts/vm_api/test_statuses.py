"""What the statuses mean (V30 to V33), and how errors look (V34)."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest

from tests.contracts.asking import NOBODY, WORKSPACES, create, get, refused, running, until_status
from tests.serving import Served, eventually


@pytest.mark.line("V30")
async def test_creating_lasts_while_the_engine_is_away_and_says_so(tenure: Served, alice: httpx.AsyncClient) -> None:
    tenure.engine.away = True
    id = (await create(alice))["id"]

    async def waiting() -> bool:
        seen = await get(alice, id)
        return (seen["status"], seen["metadata"]) == ("creating", {"waiting": "the engine does not answer"})

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


@pytest.mark.line("V34")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/workspaces/{id}", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/api/v1/", 404),
        ("GET", "/api/v1/workspace", 404),
        ("GET", "/api/v1/workspaces/", 404),
        ("DELETE", "/api/v1/workspaces/", 404),
        ("POST", "/api/v1/workspaces/{id}/explode", 404),
        ("GET", "/nothing", 404),
        ("GET", "/", 404),
        ("GET", "//", 404),
        ("DELETE", "/api/v1/workspaces", 405),
        ("PUT", "/api/v1/workspaces/{id}", 405),
        ("PATCH", "/api/v1/workspaces/{id}", 405),
        ("GET", "/api/v1/workspaces/{id}/start", 405),
        ("OPTIONS", "/api/v1/workspaces", 405),
        ("OPTIONS", "/health", 405),
        ("TRACE", "/api/v1/workspaces", 405),
        ("POST", "/health", 405),
        ("PROPFIND", "/api/v1/workspaces", 405),
    ],
)
async def test_every_error_has_one_shape(alice: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    refused(await alice.request(method, path.format(id=NOBODY)), status)


@pytest.mark.line("V34")
async def test_a_method_that_is_not_taken_is_told_those_that_are(alice: httpx.AsyncClient) -> None:
    assert (await alice.options(WORKSPACES)).headers["allow"] == "GET, POST"
    assert (await alice.put(f"{WORKSPACES}/{NOBODY}")).headers["allow"] == "DELETE, GET"


@pytest.mark.line("V34")
async def test_an_error_that_nobody_foresaw_is_500_with_a_sentence_and_no_stack(
    tenure: Served, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the secret reason")

    monkeypatch.setattr(type(tenure.tenure.deps.workspaces), "request", broken)
    answer = await alice.post(WORKSPACES, json={"name": "a"}, headers={"x-request-id": "try-1"})
    refused(answer, 500, "try-1")
    assert "secret" not in answer.text and "ZeroDivision" not in answer.text


@pytest.mark.line("V34")
async def test_every_answer_can_be_found_in_the_log(alice: httpx.AsyncClient) -> None:
    given = await alice.get(WORKSPACES, headers={"x-request-id": "my-request/1"})
    assert given.headers["x-request-id"] == "my-request/1"
    made = [(await alice.get(path)).headers["x-request-id"] for path in (WORKSPACES, WORKSPACES, "/nothing")]
    assert len(set(made)) == 3
