"""Every error has the same shape (V34)."""

from __future__ import annotations

import httpx
import pytest

from tests.contracts.asking import NOBODY, WORKSPACES, refused
from tests.support.server import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
        ("GET", "/nothing", 404),
        ("GET", "/nothing//", 404),
        ("DELETE", "/api/v1/workspaces", 405),
        ("PUT", "/api/v1/workspaces/{id}", 405),
        ("PATCH", "/api/v1/workspaces/{id}", 405),
        ("GET", "/api/v1/workspaces/{id}/start", 405),
        ("TRACE", "/api/v1/workspaces", 405),
        ("POST", "/health", 405),
        ("PROPFIND", "/api/v1/workspaces", 405),
    ],
)
async def test_every_error_has_one_shape(anna: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    refused(await anna.request(method, path.format(id=NOBODY)), status)


@pytest.mark.line("V34")
async def test_a_method_that_is_not_taken_is_told_those_that_are(anna: httpx.AsyncClient) -> None:
    assert (await anna.options(WORKSPACES)).headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (await anna.put(f"{WORKSPACES}/{NOBODY}")).headers["allow"] == "DELETE, GET, HEAD, OPTIONS"


@pytest.mark.line("V34")
async def test_an_error_that_nobody_foresaw_is_500_with_a_sentence_and_no_stack(
    house: Served, anna: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the secret reason")

    monkeypatch.setattr(type(house.tenure.deps.vm_api.workspaces), "request", broken)
    answer = await anna.post(WORKSPACES, json={"name": "a"}, headers={"x-request-id": "try-1"})
    refused(answer, 500, "try-1")
    assert "secret" not in answer.text and "ZeroDivision" not in answer.text


@pytest.mark.line("V34")
async def test_every_answer_can_be_found_in_the_log(anna: httpx.AsyncClient) -> None:
    answer = await anna.get(WORKSPACES, headers={"x-request-id": "my-request/1"})
    assert answer.headers["x-request-id"] == "my-request/1"
    ids = [(await anna.get(path)).headers["x-request-id"] for path in (WORKSPACES, WORKSPACES, "/nothing")]
    assert len(set(ids)) == 3
