"""Signing keys: made once for all replicas, rotated without signing anybody out, sealed where there is a secret."""

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
from infra.auth.jwt import Tokens
from infra.postgres.database import create_pool
from infra.tables.seal import Seal
from infra.tables.signing_keys import TENURE, Audience, SigningKeys
from infra.wiring.database import open_database
from tests.contracts.asking import WORKSPACES
from tests.support.api_keys import bearing, exchanged, new_key
from tests.support.cli import beside
from tests.support.processes import Spawned, spawned, url_of
from tests.support.server import PATIENCE

GRANT = Grant(uuid4(), uuid4(), "anna", frozenset({Scope.FULL, Scope.AUDIT}), None)
SEATS = Audience("seats", "a portal", "RS256")
MONTH = timedelta(days=30)
Replica = Callable[..., Tokens]


@pytest.fixture
async def rows(database: str) -> AsyncIterator[AsyncConnectionPool[Any]]:
    await (await open_database(database)).close()
    async with create_pool(database, 4) as opened:
        yield opened


@pytest.fixture
def replica(rows: AsyncConnectionPool[Any], monkeypatch: pytest.MonkeyPatch) -> Replica:
    """A process that signs and verifies: so much later, with this secret, with keys that last so long."""
    monkeypatch.setattr(tokens, "GAP", 0.01)

    def made(later: timedelta = timedelta(0), secret: str | None = None, lasts: timedelta = MONTH) -> Tokens:
        def clock() -> datetime:
            return datetime.now(UTC) + later

        return Tokens(SigningKeys(rows, clock, Seal(secret), lasts), clock, timedelta(minutes=15))

    return made


async def kids(it: Tokens) -> list[str]:
    return [jwk["kid"] for jwk in await it.published() if jwk["alg"] == TENURE.algorithm]


async def test_replicas_that_need_one_at_the_same_time_make_one(replica: Replica) -> None:
    several = [replica() for _ in range(8)]
    made = await asyncio.gather(*(it.issue(GRANT) for it in several))
    assert len({jwt.get_unverified_header(token)["kid"] for token, _ in made}) == 1
    for token, seconds in made:
        assert seconds == 900
        assert [await it.verify(token) for it in several] == [GRANT] * 8


async def test_who_signs_with_a_new_key_knows_it_at_once(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    """And where another audience's key is named, it need not be looked for."""
    it = replica()
    await it.claims(TENURE, jwt.encode({}, "any secret, if it is long enough", "HS256", {"kid": "unknown"}))
    monkeypatch.setattr(tokens, "GAP", 3600.0)  # the rows were looked at just now
    token, _ = await it.issue(GRANT)
    async with asyncio.timeout(PATIENCE):
        assert await it.verify(token) == GRANT
        assert await it.claims(SEATS, token) is None


async def test_an_old_key_is_replaced_and_what_it_has_signed_stays_good(replica: Replica) -> None:
    first = replica()
    token, _ = await first.issue(GRANT)
    aged = replica(lasts=timedelta(microseconds=1))
    newer, _ = await aged.issue(GRANT)
    assert jwt.get_unverified_header(newer)["kid"] != jwt.get_unverified_header(token)["kid"]
    assert [await it.verify(text) for it in (first, aged, replica()) for text in (token, newer)] == [GRANT] * 6


async def test_a_public_half_goes_when_its_last_token_has_ended(
    replica: Replica, rows: AsyncConnectionPool[Any]
) -> None:
    await replica().issue(GRANT)
    (old,) = await kids(replica())
    new = (await replica()._keys.rotate(TENURE)).kid
    assert await kids(replica()) == [new, old]
    assert await kids(replica(later=timedelta(minutes=60))) == [new, old]
    assert await kids(replica(later=timedelta(minutes=62))) == [new]
    async with rows.connection() as conn:
        sql = "select kid, private_half is null from signing_keys where audience = %s order by made_at"
        assert await (await conn.execute(sql, (TENURE.name,))).fetchall() == [(old, True), (new, False)]


async def test_an_audience_has_keys_and_an_algorithm_of_its_own(replica: Replica) -> None:
    it, now = replica(), datetime.now(UTC)
    about = {"sub": str(uuid4()), "key": str(uuid4()), "scope": "full", "name": "anna"}
    for_seats = await it.signed(SEATS, about, now, now + timedelta(hours=1))
    for_tenure, _ = await it.issue(GRANT)
    assert jwt.get_unverified_header(for_seats)["alg"] == "RS256"
    assert (await it.claims(SEATS, for_seats) or {})["iss"] == "a portal"
    assert await it.verify(for_seats) is None
    assert await it.claims(SEATS, for_tenure) is None
    as_if = replace(TENURE, algorithm="RS256")
    forged = jwt.encode(
        {**jwt.decode(for_tenure, options={"verify_signature": False})},
        (await it._keys.current(SEATS)).private,
        "RS256",
        {"kid": jwt.get_unverified_header(for_seats)["kid"]},
    )
    assert await it.verify(forged) is None, "a key of another audience signs nothing for this one"
    assert await it.claims(as_if, forged) is None
    assert {jwk["alg"] for jwk in await it.published()} == {"RS256", "EdDSA", "ES256"}


SECRET, OTHER = "a" * 40, "b" * 40


@pytest.mark.parametrize("secret", [None, SECRET])
async def test_a_private_half_is_readable_in_the_rows_only_without_a_secret(
    replica: Replica, rows: AsyncConnectionPool[Any], secret: str | None
) -> None:
    await replica(secret=secret).issue(GRANT)
    async with rows.connection() as conn:
        ((kept,),) = await (await conn.execute("select private_half from signing_keys")).fetchall()
    assert (Seal(None).open(bytes(kept)) is None) is bool(secret)
    assert Seal(OTHER).open(bytes(kept)) is None


@pytest.mark.parametrize(("before", "after"), [(SECRET, OTHER), (SECRET, None), (None, SECRET)])
async def test_another_secret_signs_nobody_out(replica: Replica, before: str | None, after: str | None) -> None:
    token, _ = await replica(secret=before).issue(GRANT)
    later = replica(secret=after)
    newer, _ = await later.issue(GRANT)
    assert [await later.verify(text) for text in (token, newer)] == [GRANT] * 2
    assert jwt.get_unverified_header(newer)["kid"] != jwt.get_unverified_header(token)["kid"]


async def test_two_servers_share_keys_and_a_rotation_signs_nobody_out(database: str, tmp_path: Path) -> None:
    async with (
        spawned(database, tmp_path / "a", machines="local", log_level="debug") as a,
        spawned(database, tmp_path / "b", machines="local", log_level="debug") as b,
    ):
        async with a.client() as alice:
            made = await new_key(alice, name="the name of a key")
        old = await exchanged(a.url, made["key"])
        assert await status(a, old) == await status(b, old) == 200
        rotated = await beside("keys", "rotate", "--json", "--database-url", url_of(database))
        assert rotated.exit_code == 0, rotated.output
        new = await exchanged(b.url, made["key"])
        assert f'"{jwt.get_unverified_header(new)["kid"]}"' in rotated.output
        assert [await status(it, token) for it in (a, b) for token in (old, new)] == [200] * 4
        for it in (a, b):
            async with it.client() as anybody:
                keys = (await anybody.get("/.well-known/jwks.json")).json()["keys"]
            shown = [jwk["kid"] for jwk in keys if jwk["alg"] == TENURE.algorithm]
            assert shown == [jwt.get_unverified_header(token)["kid"] for token in (new, old)]
        async with connect(f"{a.url.replace('http', 'ws')}/api/v1/events", additional_headers=bearing(new)) as socket:
            assert "ready" in str(await socket.recv())
        async with a.client() as alice:
            assert (await alice.delete(f"/api/v1/keys/{made['id']}")).status_code == 200
        assert await status_by_key(b, made["key"]) == 401
        said = a.said.read_text() + b.said.read_text()
        secrets = (made["key"][13:], made["prefix"], made["name"], old, new, old.split(".")[2], new.split(".")[2])
        assert "answered" in said and not [secret for secret in secrets if secret in said]


async def status(at: Spawned, token: str) -> int:
    async with httpx.AsyncClient(base_url=at.url, headers=bearing(token)) as client:
        return (await client.get(WORKSPACES)).status_code


async def status_by_key(at: Spawned, key: str) -> int:
    async with httpx.AsyncClient(base_url=at.url, headers={"X-API-Key": key}) as client:
        return (await client.get(WORKSPACES)).status_code
