"""Signing keys are shared by all replicas, rotated without signing anybody out, and sealed if there is a secret."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from psycopg_pool import AsyncConnectionPool
from websockets.asyncio.client import connect

from application.ports.api_keys import Grant
from domain.scope import Scope
from infra.auth import jwt as tokens
from infra.auth.jwt import JwtTokens
from infra.postgres.database import create_pool
from infra.tables.seal import Seal
from infra.tables.signing_keys import TENURE, Audience, SigningKeys
from infra.wiring.database import open_database
from tests.contracts.asking import WORKSPACES
from tests.support.api_keys import bearing, exchanged, new_key
from tests.support.cli import beside
from tests.support.processes import Spawned, spawned, url_of
from tests.support.server import WAIT_TIMEOUT_S

GRANT = Grant(uuid4(), uuid4(), "anna", frozenset({Scope.FULL, Scope.AUDIT}), None)
SEATS = Audience("seats", "a portal", "RS256")
MONTH = timedelta(days=30)
Replica = Callable[..., JwtTokens]


@pytest.fixture
async def rows(database: str) -> AsyncIterator[AsyncConnectionPool[Any]]:
    await (await open_database(database)).close()
    async with create_pool(database, 4) as pool:
        yield pool


@pytest.fixture
def replica(rows: AsyncConnectionPool[Any], monkeypatch: pytest.MonkeyPatch) -> Replica:
    """Makes a process that signs and verifies: with a clock ahead, a sealing secret, a lifetime of keys."""
    monkeypatch.setattr(tokens, "MIN_REFRESH_INTERVAL_S", 0.01)

    def make(ahead: timedelta = timedelta(0), secret: str | None = None, key_lifetime: timedelta = MONTH) -> JwtTokens:
        def clock() -> datetime:
            return datetime.now(UTC) + ahead

        return JwtTokens(SigningKeys(rows, clock, Seal(secret), key_lifetime), clock, timedelta(minutes=15))

    return make


async def verified(process: JwtTokens, token: str) -> Grant | None:
    """The grant of the key that a token was made from: without the token's own end."""
    grant = await process.verify(token)
    assert grant is None or (grant.expires_at is not None and grant.is_token)
    return grant and replace(grant, expires_at=None, is_token=False)


async def kids(process: JwtTokens) -> list[str]:
    return [jwk["kid"] for jwk in await process.public_keys() if jwk["alg"] == TENURE.algorithm]


async def test_replicas_that_need_a_key_at_the_same_time_create_one(replica: Replica) -> None:
    replicas = [replica() for _ in range(8)]
    issued = await asyncio.gather(*(process.issue(GRANT) for process in replicas))
    assert len({jwt.get_unverified_header(token)["kid"] for token, _ in issued}) == 1
    for token, seconds in issued:
        assert seconds == 900
        assert [await verified(process, token) for process in replicas] == [GRANT] * 8


async def test_a_process_verifies_with_its_new_key_at_once(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does the key of another audience make it read the rows."""
    process = replica()
    await process.verify_claims(TENURE, jwt.encode({}, "any secret, if it is long enough", "HS256", {"kid": "unknown"}))
    monkeypatch.setattr(tokens, "MIN_REFRESH_INTERVAL_S", 3600.0)  # so that a refresh would hang
    token, _ = await process.issue(GRANT)
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        assert await verified(process, token) == GRANT
        assert await process.verify_claims(SEATS, token) is None


async def test_an_old_key_is_replaced_and_its_tokens_stay_valid(replica: Replica) -> None:
    first = replica()
    token, _ = await first.issue(GRANT)
    aged = replica(key_lifetime=timedelta(microseconds=1))
    newer, _ = await aged.issue(GRANT)
    assert jwt.get_unverified_header(newer)["kid"] != jwt.get_unverified_header(token)["kid"]
    assert [await verified(process, text) for process in (first, aged, replica()) for text in (token, newer)] == [
        GRANT
    ] * 6


async def test_a_public_half_is_deleted_when_its_last_token_has_expired(
    replica: Replica, rows: AsyncConnectionPool[Any]
) -> None:
    await replica().issue(GRANT)
    (old,) = await kids(replica())
    new = (await replica()._keys.rotate(TENURE)).kid
    assert await kids(replica()) == [new, old]
    assert await kids(replica(ahead=timedelta(minutes=60))) == [new, old]
    assert await kids(replica(ahead=timedelta(minutes=62))) == [new]
    async with rows.connection() as conn:
        sql = "select kid, private_half is null from signing_keys where audience = %s order by made_at"
        assert await (await conn.execute(sql, (TENURE.name,))).fetchall() == [(old, True), (new, False)]


async def test_an_audience_has_keys_and_an_algorithm_of_its_own(replica: Replica) -> None:
    process, now = replica(), datetime.now(UTC)
    claims = {"sub": str(uuid4()), "key": str(uuid4()), "scope": "full", "name": "anna"}
    for_seats = await process.sign(SEATS, claims, now, now + timedelta(hours=1))
    for_tenure, _ = await process.issue(GRANT)
    assert jwt.get_unverified_header(for_seats)["alg"] == "RS256"
    assert (await process.verify_claims(SEATS, for_seats) or {})["iss"] == "a portal"
    assert await process.verify(for_seats) is None
    assert await process.verify_claims(SEATS, for_tenure) is None
    other_algorithm = replace(TENURE, algorithm="RS256")
    forged = jwt.encode(
        {**jwt.decode(for_tenure, options={"verify_signature": False})},
        (await process._keys.current(SEATS)).private,
        "RS256",
        {"kid": jwt.get_unverified_header(for_seats)["kid"]},
    )
    assert await process.verify(forged) is None, "a key of another audience is not valid for this one"
    assert await process.verify_claims(other_algorithm, forged) is None
    assert {jwk["alg"] for jwk in await process.public_keys()} == {"RS256", "EdDSA", "ES256"}


SECRET, OTHER = "a" * 40, "b" * 40


@pytest.mark.parametrize("secret", [None, SECRET])
async def test_a_private_half_is_readable_in_the_rows_only_without_a_secret(
    replica: Replica, rows: AsyncConnectionPool[Any], secret: str | None
) -> None:
    await replica(secret=secret).issue(GRANT)
    async with rows.connection() as conn:
        ((stored_half,),) = await (await conn.execute("select private_half from signing_keys")).fetchall()
    assert (Seal(None).open(bytes(stored_half)) is None) is bool(secret)
    assert Seal(OTHER).open(bytes(stored_half)) is None


@pytest.mark.parametrize(("before", "after"), [(SECRET, OTHER), (SECRET, None), (None, SECRET)])
async def test_another_secret_signs_nobody_out(replica: Replica, before: str | None, after: str | None) -> None:
    token, _ = await replica(secret=before).issue(GRANT)
    later = replica(secret=after)
    newer, _ = await later.issue(GRANT)
    assert [await verified(later, text) for text in (token, newer)] == [GRANT] * 2
    assert jwt.get_unverified_header(newer)["kid"] != jwt.get_unverified_header(token)["kid"]


async def test_two_servers_share_keys_and_a_rotation_signs_nobody_out(database: str, tmp_path: Path) -> None:
    async with (
        spawned(database, tmp_path / "a", machines="local", log_level="debug") as a,
        spawned(database, tmp_path / "b", machines="local", log_level="debug") as b,
    ):
        async with a.client() as alice:
            key = await new_key(alice, name="the name of a key")
        old = await exchanged(a.url, key["key"])
        assert await status(a, old) == await status(b, old) == 200
        rotated = await beside("keys", "rotate", "--json", "--database-url", url_of(database))
        assert rotated.exit_code == 0, rotated.output
        new = await exchanged(b.url, key["key"])
        assert f'"{jwt.get_unverified_header(new)["kid"]}"' in rotated.output
        assert [await status(server, token) for server in (a, b) for token in (old, new)] == [200] * 4
        for server in (a, b):
            async with server.client() as anybody:
                keys = (await anybody.get("/.well-known/jwks.json")).json()["keys"]
            published = [jwk["kid"] for jwk in keys if jwk["alg"] == TENURE.algorithm]
            assert published == [jwt.get_unverified_header(token)["kid"] for token in (new, old)]
        async with connect(f"{a.url.replace('http', 'ws')}/api/v1/events", additional_headers=bearing(new)) as socket:
            assert "ready" in str(await socket.recv())
        async with a.client() as alice:
            assert (await alice.delete(f"/api/v1/keys/{key['id']}")).status_code == 200
        assert await status_by_key(b, key["key"]) == 401
        logs = a.output_path.read_text() + b.output_path.read_text()
        secrets = (key["key"][13:], key["prefix"], key["name"], old, new, old.split(".")[2], new.split(".")[2])
        assert "answered" in logs and not [secret for secret in secrets if secret in logs]


async def status(server: Spawned, token: str) -> int:
    async with httpx.AsyncClient(base_url=server.url, headers=bearing(token)) as client:
        return (await client.get(WORKSPACES)).status_code


async def status_by_key(server: Spawned, key: str) -> int:
    async with httpx.AsyncClient(base_url=server.url, headers={"X-API-Key": key}) as client:
        return (await client.get(WORKSPACES)).status_code
