"""/user/api_keys: keys by their small ids (W36)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.contracts.asking import fine
from tests.contracts.warpdrive.asking import refused
from tests.support.api_keys import bearing, exchanged, new_key, program
from tests.support.server import Served

API_KEYS = "/user/api_keys"


@pytest.fixture
async def ci(tenure: Served, alice: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client with a key."""
    async with program(tenure, **{"X-API-Key": (await new_key(alice))["key"]}) as client:
        yield client


@pytest.mark.line("W36")
@pytest.mark.parametrize("body", [None, {}, {"name": "laptop"}])
async def test_a_key_is_made_listed_and_deleted(tenure: Served, ci: httpx.AsyncClient, body: object) -> None:
    answer = await ci.post(API_KEYS, json=body) if body is not None else await ci.post(API_KEYS)
    assert (answer.status_code, list(answer.json())) == (201, ["api_key"]), answer.text
    newest, first = fine(await ci.get(API_KEYS))
    assert isinstance(newest["id"], int) and newest["id"] != first["id"]
    assert answer.json()["api_key"].startswith(newest["prefix"])
    async with program(tenure, **{"X-API-Key": answer.json()["api_key"]}) as by_key:
        assert len(fine(await by_key.get(API_KEYS))) == 2
        fine(await ci.delete(f"{API_KEYS}/{newest['id']}"))
        refused(await by_key.get(API_KEYS), 401, "unauthorized")
    assert [listed_key["id"] for listed_key in fine(await ci.get(API_KEYS))] == [first["id"]]
    refused(await ci.delete(f"{API_KEYS}/{newest['id']}"), 404, "not_found")


@pytest.mark.line("W35", "W36")
async def test_anothers_key_is_not_there(tenure: Served, ci: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    async with program(tenure, **{"X-API-Key": (await new_key(bob))["key"]}) as of_bob:
        (his,) = fine(await of_bob.get(API_KEYS))
        refused(await ci.delete(f"{API_KEYS}/{his['id']}"), 404, "not_found")
        assert fine(await of_bob.get(API_KEYS))[0]["id"] == his["id"]


@pytest.mark.fault("F13")
async def test_a_token_makes_no_key(tenure: Served, alice: httpx.AsyncClient) -> None:
    token = await exchanged(tenure.url, (await new_key(alice))["key"])
    async with program(tenure, **bearing(token)) as client:
        refused(await client.post(API_KEYS), 400, "not_allowed", "token")


@pytest.mark.line("W35")
async def test_what_makes_no_sense_is_a_400(ci: httpx.AsyncClient) -> None:
    refused(await ci.post(API_KEYS, json={"name": ""}), 400, "invalid", "blank")
    refused(await ci.post(API_KEYS, json={"name": 7}), 400, "invalid", "name")
    refused(await ci.post(API_KEYS, content="{"), 400, "invalid", "JSON")
    for id in ("x", "0", str(2**63), "1.5"):
        refused(await ci.delete(f"{API_KEYS}/{id}"), 400, "invalid", "id")


@pytest.mark.line("W35")
async def test_what_a_key_is_not_for_is_a_400(tenure: Served, alice: httpx.AsyncClient) -> None:
    reads = (await new_key(alice, scopes=["read"]))["key"]
    async with program(tenure, **{"X-API-Key": reads}) as client:
        refused(await client.post(API_KEYS), 400, "not_allowed", "read")
