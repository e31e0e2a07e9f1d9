"""Authentication (W01 to W06): with an API key, or a token that was exchanged for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jwt
import pytest
from psycopg_pool import AsyncConnectionPool

from interfaces import warpdrive
from tests.contracts.asking import NOBODY, WORKSPACES, fine
from tests.contracts.warpdrive.asking import refused
from tests.support.api_keys import KEYS, bad_tokens, bearing, exchanged, new_key, program
from tests.support.server import Served

NEEDED = "a good API key is needed in X-API-Key, or a good token in Authorization: Bearer"
API_KEYS = "/user/api_keys"


@pytest.fixture
async def key(alice: httpx.AsyncClient) -> str:
    text: str = (await new_key(alice))["key"]
    return text


@pytest.fixture
async def nobody(tenure: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with program(tenure) as client:
        yield client


@pytest.mark.line("W05")
async def test_a_key_is_exchanged_for_a_token(tenure: Served, nobody: httpx.AsyncClient, key: str) -> None:
    answer = await nobody.post("/token", headers={"X-API-Key": key})
    body = fine(answer)
    assert set(body) == {"token", "expires_in"}
    assert body["expires_in"] == 900 and isinstance(body["expires_in"], int)
    assert answer.headers["cache-control"] == "no-store"
    keys = jwt.PyJWKSet.from_dict(fine(await nobody.get("/.well-known/jwks.json")))
    kid = jwt.get_unverified_header(body["token"])["kid"]
    claims = jwt.decode(body["token"], keys[kid], audience="tenure", issuer="tenure")  # as anybody may verify it
    assert claims["exp"] - claims["iat"] == 900


@pytest.mark.line("W05")
async def test_a_token_does_not_outlive_its_key(nobody: httpx.AsyncClient, alice: httpx.AsyncClient) -> None:
    passing = (await new_key(alice, expires_in=100))["key"]
    body = fine(await nobody.post("/token", headers={"X-API-Key": passing}))
    assert 1 <= body["expires_in"] <= 100


@pytest.mark.line("W06")
async def test_a_token_is_made_from_a_key_alone(tenure: Served, nobody: httpx.AsyncClient, key: str) -> None:
    token = await exchanged(tenure.url, key)
    for headers in ({}, bearing(token), bearing(key), {"x-user": "alice"}, {"X-API-Key": token}, {"X-API-Key": ""}):
        refused(await nobody.post("/token", headers=headers), 401, "unauthorized", NEEDED)
    bad = {"X-API-Key": f"{key[:-1]}x"}
    refused(await nobody.post("/token", headers=bad | bearing(token)), 401, "unauthorized", NEEDED)
    fine(await nobody.post("/token", headers={"X-API-Key": key} | bearing("no token")))


@pytest.mark.line("W01", "W02")
async def test_both_are_taken(tenure: Served, nobody: httpx.AsyncClient, key: str) -> None:
    token = await exchanged(tenure.url, key)
    for headers in ({"X-API-Key": key}, bearing(token), bearing(key), {"Authorization": f"bearer  {token}"}):
        assert len(fine(await nobody.get(API_KEYS, headers=headers))) == 1


@pytest.mark.line("W01", "W02", "W03")
async def test_every_endpoint_takes_both_and_answers_nobody(
    tenure: Served, nobody: httpx.AsyncClient, key: str
) -> None:
    endpoints = [(method, path) for method, path in published(await nobody.get("/openapi.json")) if path != "/token"]
    assert len(endpoints) >= 12, endpoints
    token = await exchanged(tenure.url, key)
    for method, path in endpoints:
        refused(await nobody.request(method, path), 401, "unauthorized", NEEDED)
        refused(await nobody.request(method, path, headers=bearing("x")), 401, "unauthorized", NEEDED)
        answers = []
        for headers in ({"X-API-Key": key}, bearing(token)):
            answers.append(await nobody.request(method, path, headers=headers))
            assert answers[-1].status_code in (200, 201, 400, 404), (method, path, answers[-1].text)
        if (method, path) == ("POST", API_KEYS):
            assert [answer.status_code for answer in answers] == [201, 400], "a token makes no keys"


def published(answer: httpx.Response) -> list[tuple[str, str]]:
    """Every published method and address of Warpdrive, filled with ids that do not exist."""
    unknown_ids = {"id": "7" * 8, "session_id": NOBODY, "alias": "no-such-1", "joiner_uuid": NOBODY, "guest_id": NOBODY}
    paths = [path for path in answer.json()["paths"] if path.startswith(warpdrive.CONTRACT.prefixes)]
    return [(method.upper(), path.format(**unknown_ids)) for path in paths for method in answer.json()["paths"][path]]


@pytest.mark.line("W03")
async def test_what_is_not_good_is_refused_and_always_alike(
    tenure: Served, nobody: httpx.AsyncClient, alice: httpx.AsyncClient, key: str
) -> None:
    revoked = await new_key(alice)
    await alice.delete(f"{KEYS}/{revoked['id']}")
    tokens = await bad_tokens(tenure, await exchanged(tenure.url, key))
    attempts: list[dict[str, str]] = [bearing(token) for token in tokens.values()]
    attempts += [{"X-API-Key": text} for text in wrong_keys(key, revoked["key"])]
    attempts += [bearing(text) for text in wrong_keys(key, revoked["key"])]
    malformed = ("Bearer", "Bearer x y", key, f"Bearer {key} {key}", "Token x", f",{key}")
    attempts += [{"Authorization": value} for value in malformed]
    answers = [await nobody.get(API_KEYS, headers=headers | from_anew(n)) for n, headers in enumerate(attempts)]
    outcomes = {(answer.status_code, answer.text, str(headers_seen(answer))) for answer in answers}
    assert len(attempts) > 30 and len(outcomes) == 1, outcomes
    refused(answers[0], 401, "unauthorized", NEEDED)
    assert answers[0].headers["www-authenticate"] == "Bearer"


def wrong_keys(key: str, revoked: str) -> list[str]:
    return [revoked, key[:-1], f"{key}x", key.upper(), f"tnr_00000000_{key[13:]}", f"{key[:13]}{'x' * 43}", "tnr_", "x"]


def from_anew(n: int) -> dict[str, str]:
    """A header that names a new client address, because wrong keys are counted by address."""
    return {"X-Forwarded-For": f"192.0.2.{n}"}


def headers_seen(answer: httpx.Response) -> list[tuple[str, str]]:
    """The answer's headers without those that differ between any two answers."""
    return [(name, value) for name, value in answer.headers.items() if name not in ("date", "x-request-id")]


@pytest.mark.line("W03")
async def test_two_credentials_of_a_kind_are_none(tenure: Served, key: str) -> None:
    token = await exchanged(tenure.url, key)
    good = ("Authorization", f"Bearer {token}")
    for headers in ([good, good], [("X-API-Key", key), ("X-API-Key", key)]):
        async with httpx.AsyncClient(base_url=tenure.url, headers=headers) as client:
            refused(await client.get(API_KEYS), 401, "unauthorized", NEEDED)


@pytest.mark.line("W04")
async def test_a_key_is_looked_up_and_a_token_is_not(tenure: Served, nobody: httpx.AsyncClient, key: str) -> None:
    token = await exchanged(tenure.url, key)
    fine(await nobody.get(WORKSPACES, headers=bearing(token)))  # which key signed it is known from then on

    async def asked_for(headers: dict[str, str]) -> int:
        """The fewest queries of five tries, because background tasks query the database, too."""
        counts = []
        for _ in range(5):
            with counted() as queries:
                fine(await nobody.get(WORKSPACES, headers=headers))
            counts.append(len(queries))
        return min(counts)

    assert await asked_for({"x-user": "alice"}) == 1, "the list, and nothing else"
    assert await asked_for(bearing(token)) == 1
    assert await asked_for({"X-API-Key": key}) > 1


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect one entry for each database query while the block runs."""
    queries: list[str] = []
    connection = AsyncConnectionPool.connection

    def counting(self: Any, *args: Any, **more: Any) -> Any:
        queries.append("query")
        return connection(self, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AsyncConnectionPool, "connection", counting)
        yield queries


async def test_random_kids_make_no_load(tenure: Served, nobody: httpx.AsyncClient, key: str) -> None:
    """A hundred tokens that name unknown signing keys cost a few queries, not a hundred."""
    await nobody.get("/.well-known/jwks.json")
    claims = jwt.decode(await exchanged(tenure.url, key), options={"verify_signature": False})
    tokens = [jwt.encode(claims, "secret" * 8, "HS256", {"kid": f"kid-{n}"}) for n in range(100)]
    with counted() as queries:
        answers = await asyncio.gather(*(nobody.get(API_KEYS, headers=bearing(token)) for token in tokens))
    assert {answer.status_code for answer in answers} == {401}
    assert len(queries) <= 20
