"""/api/v1/keys: creating, listing and revoking API keys, and what each scope allows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from tests.contracts.asking import NOBODY, WORKSPACES, create, fine, refused
from tests.support.api_keys import KEYS, bearing, exchanged, new_key, program
from tests.support.server import Served, eventually, served

EVENTS = "/api/v1/audit/events"


@pytest.fixture
async def tenure(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with served(database, tmp_path, auditors=["eve"]) as serving:
        yield serving


@pytest.fixture
async def eve(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Eve is an auditor."""
    async with tenure.client("eve") as client:
        yield client


async def test_a_key_is_made_and_its_text_is_told_once(tenure: Served, alice: httpx.AsyncClient) -> None:
    key = await new_key(alice, name="ci")
    prefix, secret = key["key"][:12], key["key"][13:]
    assert key["prefix"] == prefix and prefix.startswith("tnr_") and len(secret) == 43
    assert (key["name"], key["scopes"], key["expires_at"], key["last_used_at"]) == ("ci", ["full"], None, None)
    listed = fine(await alice.get(KEYS))
    assert listed == [{field: value for field, value in key.items() if field != "key"}]
    assert secret not in (await alice.get(EVENTS)).text


async def test_newest_first_and_everybody_has_their_own(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    first, second = await new_key(alice, name="first"), await new_key(alice, name="second")
    others = await new_key(bob)
    assert [row["id"] for row in fine(await alice.get(KEYS))] == [second["id"], first["id"]]
    refused(await alice.delete(f"{KEYS}/{others['id']}"), 404)
    refused(await alice.delete(f"{KEYS}/{NOBODY}"), 404)
    refused(await alice.delete(f"{KEYS}/1"), 404)
    assert [row["id"] for row in fine(await bob.get(KEYS))] == [others["id"]]


async def test_a_revoked_key_opens_nothing_and_leaves_the_list(tenure: Served, alice: httpx.AsyncClient) -> None:
    key, stays = await new_key(alice), await new_key(alice)
    async with program(tenure, **{"X-API-Key": key["key"]}) as ci:
        fine(await ci.get(WORKSPACES))
        fine(await alice.delete(f"{KEYS}/{key['id']}"))
        refused(await ci.get(WORKSPACES), 401)
    assert [row["id"] for row in fine(await alice.get(KEYS))] == [stays["id"]]
    refused(await alice.delete(f"{KEYS}/{key['id']}"), 404)


async def test_what_is_kept_of_a_revoked_key_goes_and_its_history_stays(
    tenure: Served, alice: httpx.AsyncClient
) -> None:
    key = await new_key(alice, name="my laptop")
    await alice.delete(f"{KEYS}/{key['id']}")

    async def history() -> Any:
        kinds = [event["kind"] for event in (await alice.get(EVENTS, params={"subject": key["id"]})).json()["events"]]
        return kinds if "api_key.forgotten" in kinds else None

    assert await eventually(history) == ["api_key.created", "api_key.revoked", "api_key.forgotten"]
    async with tenure.tenure.pool.connection() as conn:
        assert await (await conn.execute("select from api_key_rows")).fetchone() is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "name"),
        ({"name": ""}, "blank"),
        ({"name": "a" * 101}, "100"),
        ({"name": "a", "scopes": []}, "full, read, audit"),
        ({"name": "a", "scopes": ["king"]}, "full, read, audit"),
        ({"name": "a", "expires_in": 0}, "expires_in"),
        ({"name": "a", "expires_in": 10**18}, "expires_in"),
        ({"name": "a", "expires_in": "7"}, "expires_in"),
    ],
)
async def test_what_makes_no_key(alice: httpx.AsyncClient, body: dict[str, Any], says: str) -> None:
    refused(await alice.post(KEYS, json=body), 400, says)
    assert fine(await alice.get(KEYS)) == []


async def test_a_key_that_has_ended_opens_nothing(tenure: Served, alice: httpx.AsyncClient) -> None:
    key = await new_key(alice, expires_in=1)
    async with program(tenure, **{"X-API-Key": key["key"]}) as ci:

        async def ended() -> bool:
            return (await ci.get(WORKSPACES)).status_code == 401

        await eventually(ended)
    assert fine(await alice.get(KEYS))[0]["expires_at"] == key["expires_at"]


async def test_its_last_use_is_written_down_at_most_once_a_minute(tenure: Served, alice: httpx.AsyncClient) -> None:
    key = await new_key(alice)
    async with program(tenure, **{"X-API-Key": key["key"]}) as ci:
        fine(await ci.get(WORKSPACES))
        (first,) = fine(await alice.get(KEYS))
        assert first["last_used_at"] > key["created_at"]
        fine(await ci.get(WORKSPACES))
        assert fine(await alice.get(KEYS)) == [first]
        async with tenure.tenure.pool.connection() as conn:
            await conn.execute("update api_key_rows set last_used_at = last_used_at - interval '1 minute'")
        fine(await ci.get(WORKSPACES))
        assert fine(await alice.get(KEYS))[0]["last_used_at"] > first["last_used_at"]


@pytest.mark.parametrize("credential", ["key", "token"])
async def test_a_key_that_reads_changes_nothing(tenure: Served, alice: httpx.AsyncClient, credential: str) -> None:
    one = await create(alice)
    text = (await new_key(alice, scopes=["read"]))["key"]
    headers = {"X-API-Key": text} if credential == "key" else bearing(await exchanged(tenure.url, text))
    async with program(tenure, **headers) as ci:
        assert [workspace["id"] for workspace in fine(await ci.get(WORKSPACES))] == [one["id"]]
        fine(await ci.get(f"{WORKSPACES}/{one['id']}"))
        fine(await ci.get("/api/v1/operations"))
        assert fine(await ci.get(EVENTS))["events"]
        for method, path, body in (
            ("POST", WORKSPACES, {"name": "b"}),
            ("DELETE", f"{WORKSPACES}/{one['id']}", None),
            ("POST", f"{WORKSPACES}/{one['id']}/extend", {"ttl_seconds": 1}),
            ("POST", f"{WORKSPACES}/{one['id']}/stop", None),
            ("POST", f"{WORKSPACES}/{one['id']}/snapshots", None),
            ("POST", KEYS, {"name": "mine"}),
            ("DELETE", f"{KEYS}/{fine(await alice.get(KEYS))[0]['id']}", None),
        ):
            refused(await ci.request(method, path, json=body), 403, "read")
    assert len(fine(await alice.get(WORKSPACES))) == len(fine(await alice.get(KEYS))) == 1


@pytest.mark.parametrize("credential", ["key", "token"])
async def test_a_key_that_audits_reads_the_trail_and_nothing_else(
    tenure: Served, alice: httpx.AsyncClient, eve: httpx.AsyncClient, credential: str
) -> None:
    one = await create(alice)
    refused(await alice.post(KEYS, json={"name": "a", "scopes": ["audit"]}), 403, "auditor")
    text = (await new_key(eve, scopes=["audit"]))["key"]
    headers = {"X-API-Key": text} if credential == "key" else bearing(await exchanged(tenure.url, text))
    async with program(tenure, **headers) as auditing:
        assert one["id"] in [event["subject"] for event in fine(await auditing.get(EVENTS))["events"]]
        fine(await auditing.get(f"/api/v1/audit/subjects/{one['id']}"))
        for method, path in (("GET", WORKSPACES), ("POST", WORKSPACES), ("GET", "/api/v1/operations"), ("GET", KEYS)):
            refused(await auditing.request(method, path, json={"name": "a"}), 403, "audit")


async def test_a_key_reaches_as_far_as_its_owner(
    tenure: Served, alice: httpx.AsyncClient, eve: httpx.AsyncClient
) -> None:
    """An auditor's full key reads the whole trail; an auditor's read-only key does not."""
    one = await create(alice)

    async def seen_with(client: httpx.AsyncClient, *scopes: str) -> bool:
        text = (await new_key(client, scopes=list(scopes)))["key"]
        visible = set()
        for headers in ({"X-API-Key": text}, bearing(await exchanged(tenure.url, text))):
            async with program(tenure, **headers) as ci:
                events = fine(await ci.get(EVENTS, params={"subject": one["id"]}))["events"]
                visible.add(bool(events))
        assert len(visible) == 1, "a key and its token differ"
        return visible.pop()

    assert await seen_with(eve, "full")
    assert await seen_with(eve, "read", "audit")
    assert not await seen_with(eve, "read")
    async with tenure.client("mallory") as mallory:
        assert not await seen_with(mallory, "full")


async def test_the_public_halves_are_published_and_nothing_else(tenure: Served, alice: httpx.AsyncClient) -> None:
    token = await exchanged(tenure.url, (await new_key(alice))["key"])
    async with program(tenure) as anybody:
        answer = await anybody.get("/.well-known/jwks.json")
    (jwk,) = [jwk for jwk in fine(answer)["keys"] if jwk["kid"] == jwt.get_unverified_header(token)["kid"]]
    assert set(jwk) == {"kty", "crv", "x", "kid", "alg", "use"}
    assert (jwk["kty"], jwk["crv"], jwk["alg"], jwk["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")


@pytest.mark.fault("F13")
async def test_a_token_makes_no_key_even_while_its_key_is_good(tenure: Served, alice: httpx.AsyncClient) -> None:
    key = await new_key(alice)
    token = await exchanged(tenure.url, key["key"])
    async with program(tenure, **bearing(token)) as client:
        answer = await client.post("/api/v1/keys", json={"name": "another"})
        assert answer.status_code == 403 and "token" in answer.json()["error"]
        await alice.delete(f"/api/v1/keys/{key['id']}")
        assert (await client.post("/api/v1/keys", json={"name": "another"})).status_code == 401
    assert fine(await alice.get("/api/v1/keys")) == []


@pytest.mark.fault("F13")
async def test_a_key_makes_none_that_outlives_it(tenure: Served, alice: httpx.AsyncClient) -> None:
    maker = await new_key(alice, expires_in=3600)
    async with program(tenure, **{"X-API-Key": maker["key"]}) as client:
        child = await new_key(client)
        assert child["expires_at"] == maker["expires_at"]
        assert (await new_key(client, expires_in=60, scopes=["read"]))["expires_at"] < maker["expires_at"]
        answer = await client.post("/api/v1/keys", json={"name": "another", "expires_in": 7200})
        assert answer.status_code == 400 and "ends in" in answer.json()["error"]
        endless = await new_key(alice)
    async with program(tenure, **{"X-API-Key": endless["key"]}) as client:
        assert (await new_key(client))["expires_at"] is None


@pytest.mark.fault("F13")
@pytest.mark.parametrize("scope", ["read", "audit"])
async def test_a_key_makes_none_that_is_wider(database: str, tmp_path: Path, scope: str) -> None:
    async with served(database, tmp_path, auditors=("eve",)) as tenure, tenure.client("eve") as eve:
        narrow = await new_key(eve, scopes=[scope])
        async with program(tenure, **{"X-API-Key": narrow["key"]}) as client:
            assert (await client.post("/api/v1/keys", json={"name": "another"})).status_code == 403
