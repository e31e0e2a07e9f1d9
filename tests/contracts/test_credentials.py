"""Every kind of credential at every contract: which are accepted, and for which user."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.contracts.asking import WORKSPACES, create, fine
from tests.contracts.chrote.people import browser, invited, member
from tests.support.api_keys import KEYS, bad_tokens, bearing, exchanged, new_key, program
from tests.support.server import WAIT_TIMEOUT_S, Served, eventually, served, stream, until

AT = {
    "vm-api": WORKSPACES,
    "chrote": "/api/sessions",
    "native": "/api/v1/audit/events",
    "warpdrive": "/user/api_keys",
}
EVERYWHERE = AT | {"clarateach": "/api/workshops", "neptuned": "/api/v0/admin/config"}
SOCKETS = {"chrote": "/ws", "native": "/api/v1/events"}


@dataclass
class Place:
    """A running Tenure: olga is the owner, vera a viewer, and alice is named by a header and has no account."""

    tenure: Served
    olga: httpx.AsyncClient
    vera: httpx.AsyncClient
    alice: httpx.AsyncClient

    async def keys(self, user: str, **body: Any) -> dict[str, dict[str, str]]:
        """Create a key for a user, and return the headers of each way to send it."""
        text = (await new_key(getattr(self, user), **body))["key"]
        token = await exchanged(self.tenure.url, text)
        return {"key": {"X-API-Key": text}, "bearer key": bearing(text), "token": bearing(token)}


@pytest.fixture
async def place(tenure: Served) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        olga = await stack.enter_async_context(member(tenure, "olga"))
        vera = await stack.enter_async_context(member(tenure, "vera", await invited(olga)))
        yield Place(tenure, olga, vera, await stack.enter_async_context(tenure.client("alice")))


async def statuses(place: Place, headers: dict[str, str], at: dict[str, str] = AT) -> dict[str, int]:
    async with program(place.tenure, **headers) as asking:
        return {contract: (await asking.get(path)).status_code for contract, path in at.items()}


async def sockets(place: Place, headers: dict[str, str]) -> dict[str, int | str]:
    """Connect to each socket. Returns the status or close code that refused it, or its first message, by contract."""
    outcomes: dict[str, int | str] = {}
    for contract, path in SOCKETS.items():
        address = place.tenure.url.replace("http", "ws", 1) + path
        try:
            async with connect(address, additional_headers=headers) as socket:
                first = json.loads(await socket.recv())
                outcomes[contract] = first.get("type") or first["event"]
        except InvalidStatus as refused:
            outcomes[contract] = refused.response.status_code
        except ConnectionClosedError as closed:
            assert closed.rcvd
            outcomes[contract] = closed.rcvd.code
    return outcomes


@pytest.mark.line("W01", "W02")
@pytest.mark.parametrize("user", ["olga", "vera"])
async def test_a_member_comes_with_a_key_or_a_token_to_every_contract(place: Place, user: str) -> None:
    for credential, headers in (await place.keys(user)).items():
        let_in = dict.fromkeys(EVERYWHERE, 200) | {"neptuned": 200 if user == "olga" else 403}  # she came first
        assert await statuses(place, headers, EVERYWHERE) == let_in, credential
        assert await sockets(place, headers) == {"chrote": "connected", "native": "ready"}, credential
        async with program(place.tenure, **headers) as asking:
            assert fine(await asking.get("/api/auth/me"))["name"] == user
            assert "set-cookie" not in (await asking.get("/api/auth/me")).headers


@pytest.mark.line("W01", "W02")
async def test_who_has_no_account_here_is_let_in_where_none_is_needed(place: Place) -> None:
    for credential, headers in (await place.keys("alice")).items():
        let_in = await statuses(place, headers)
        assert let_in == {"vm-api": 200, "chrote": 403, "native": 200, "warpdrive": 200}, credential
        assert await sockets(place, headers) == {"chrote": 403, "native": "ready"}, credential


async def test_a_key_may_in_a_contract_what_its_owner_may(place: Place) -> None:
    """The role is looked up at each request, also for a token, which does not carry it."""
    for headers in (await place.keys("vera")).values():
        async with program(place.tenure, **headers) as vera:
            assert (await vera.get("/api/users")).status_code == 403
    for headers in (await place.keys("olga")).values():
        async with program(place.tenure, **headers) as olga:
            people = fine(await olga.get("/api/users"))["users"]
            id = next(person["id"] for person in people if person["name"] == "vera")
    of_vera = await place.keys("vera")
    assert (await place.olga.patch(f"/api/users/{id}/role", json={"role": "admin"})).status_code == 200
    for credential, headers in of_vera.items():
        async with program(place.tenure, **headers) as vera:
            assert (await vera.get("/api/users")).status_code == 200, credential


async def test_with_a_removed_account_its_keys_open_nothing(place: Place) -> None:
    headers = (await place.keys("vera"))["key"]
    assert (await statuses(place, headers, EVERYWHERE))["neptuned"] == 403
    me = fine(await place.vera.get("/api/auth/me"))["id"]
    assert (await place.olga.delete(f"/api/users/{me}")).status_code == 200
    assert set((await statuses(place, headers, EVERYWHERE)).values()) == {401}


@pytest.mark.line("W03")
async def test_what_is_not_good_is_good_nowhere(place: Place) -> None:
    key = await new_key(place.olga)
    tokens = await bad_tokens(place.tenure, await exchanged(place.tenure.url, key["key"]))
    bad = {name: bearing(token) for name, token in tokens.items()}
    await place.olga.delete(f"{KEYS}/{key['id']}")
    bad |= {"a revoked key": {"X-API-Key": key["key"]}, "a wrong key": {"X-API-Key": "tnr_00000000_x"}}
    for defect, headers in bad.items():
        assert set((await statuses(place, headers, EVERYWHERE)).values()) == {401}, defect
    for defect in ("expired", "alg none", "a revoked key"):
        assert await sockets(place, bad[defect]) == {"chrote": 4001, "native": 401}, defect


@pytest.mark.parametrize("scope", ["read", "audit"])
async def test_a_key_that_is_not_for_it_changes_nothing_in_any_contract(place: Place, scope: str) -> None:
    for headers in (await place.keys("olga", scopes=[scope])).values():
        async with program(place.tenure, **headers) as asking:
            for method, path, body, refused in (
                ("POST", WORKSPACES, {"name": "a"}, 403),
                ("POST", KEYS, {"name": "a"}, 403),
                ("POST", "/api/invites", {"role": "viewer"}, 403),
                ("PATCH", "/api/users/1/role", {"role": "admin"}, 403),
                ("POST", "/user/api_keys", None, 400),
            ):
                assert (await asking.request(method, path, json=body)).status_code == refused, (method, path)
        assert await sockets(place, headers) == {"chrote": "connected" if scope == "read" else 403, "native": "ready"}


async def test_a_bearer_counts_before_a_name_and_before_a_cookie(place: Place) -> None:
    """An explicit credential outranks headers and cookies. If it is bad, they do not make up for it."""
    token = (await place.keys("vera"))["token"]
    await create(place.alice, name="of alice")
    async with program(place.tenure, **token, **{"x-user": "alice", "X-VM-User": "alice"}) as both:
        assert fine(await both.get(WORKSPACES)) == []
    assert fine(await place.olga.get("/api/auth/me", headers=token))["name"] == "vera"
    for bad in (bearing("x"), {"X-API-Key": "x"}):
        assert (await place.alice.get(WORKSPACES, headers=bad)).status_code == 401
        assert (await place.olga.get("/api/auth/me", headers=bad)).status_code == 401


async def test_what_a_proxy_has_asked_for_is_not_for_us(place: Place) -> None:
    basic = {"Authorization": "Basic b2xnYTp4", "X-VM-User": "alice"}
    async with program(place.tenure, **basic) as asking:
        assert (await asking.get(WORKSPACES)).status_code == 200
    async with program(place.tenure, Authorization=basic["Authorization"]) as asking:
        assert (await asking.get(WORKSPACES)).status_code == 401
        assert (await asking.get("/user/api_keys")).status_code == 401


async def test_a_page_of_another_origin_cannot_use_a_cookie_but_a_program_has_its_token(place: Place) -> None:
    token = (await place.keys("olga"))["token"]
    async with program(place.tenure, Origin="https://elsewhere.example") as asking:
        assert (await asking.post(WORKSPACES, json={"name": "a"}, headers=token)).status_code == 200


async def test_a_stream_with_a_token_tells_what_its_holder_may_see(place: Place) -> None:
    token = (await place.keys("alice"))["token"]
    async with program(place.tenure, **token) as asking, stream(asking) as events:
        await create(place.vera, name="of vera")
        own = await create(place.alice, name="of alice")
        assert (await until(events, "workspace.requested"))["subject"] == own["id"]


@pytest.mark.parametrize("credential", ["key", "token"])
async def test_a_revoked_key_ends_what_was_opened_with_it(place: Place, credential: str) -> None:
    key, other = await new_key(place.olga), await new_key(place.olga)
    text = key["key"]
    headers = {"X-API-Key": text} if credential == "key" else bearing(await exchanged(place.tenure.url, text))
    async with AsyncExitStack() as stack:
        opened = []
        for path in SOCKETS.values():
            address = place.tenure.url.replace("http", "ws", 1) + path
            opened.append(await stack.enter_async_context(connect(address, additional_headers=headers)))
            await opened[-1].recv()
        events = await stack.enter_async_context(
            stream(await stack.enter_async_context(program(place.tenure, **headers)))
        )
        await place.olga.delete(f"{KEYS}/{other['id']}")
        assert (await until(events, "api_key.revoked"))["subject"] == other["id"]
        await place.olga.delete(f"{KEYS}/{key['id']}")
        assert [await closed_with(socket) for socket in opened] == [4001, 1008]
        async for event in events:
            assert event.event == "api_key.forgotten", "nothing of what came later, and an end"


CHANGES = (
    ("POST", WORKSPACES, {"name": "lab", "ttl_seconds": 60}),
    ("POST", "/api/invites", {"role": "admin"}),
    ("POST", "/api/workshops", {"name": "class", "seats": 1, "api_key": "sk-0123456789abcdef"}),
    ("PATCH", "/api/v0/admin/config", {"registrations_open": False}),
    ("POST", "/api/v0/admin/users/create", {"username": "eve", "password": "correct horse"}),
)


@pytest.mark.fault("F13")
@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_a_token_of_a_revoked_key_changes_nothing(
    place: Place, method: str, path: str, body: dict[str, Any]
) -> None:
    key = await new_key(place.olga)
    async with program(place.tenure, **bearing(await exchanged(place.tenure.url, key["key"]))) as asking:
        await place.olga.delete(f"{KEYS}/{key['id']}")
        assert (await asking.request(method, path, json=body)).status_code == 401
        assert (await asking.get("/api/v1/audit/events")).status_code == 200, "until it expires, it reads"


async def closed_with(socket: ClientConnection) -> int:
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        with pytest.raises(ConnectionClosedError) as closed:
            while True:
                await socket.recv()
    assert closed.value.rcvd
    return closed.value.rcvd.code


@pytest.mark.fault("F16")
async def test_guessing_keys_is_limited_by_address(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, guesses_per_minute=5) as tenure:
        async with tenure.client("alice") as alice:
            good = (await new_key(alice))["key"]
        token = await exchanged(tenure.url, good)
        guesser = {"X-Forwarded-For": "192.0.2.1"}
        async with program(tenure, **guesser) as guessing:
            wrong = [await guessing.get(WORKSPACES, headers={"X-API-Key": f"tnr_00000000_{n}"}) for n in range(7)]
            assert [answer.status_code for answer in wrong] == [401] * 5 + [429] * 2
            assert 1 <= int(wrong[-1].headers["retry-after"]) <= 60
            assert (await guessing.get(WORKSPACES, headers={"X-API-Key": good})).status_code == 200
            assert (await guessing.post("/token", headers={"X-API-Key": good})).status_code == 200
            assert (await guessing.get(WORKSPACES, headers=bearing(token))).status_code == 200
        async with program(tenure, **{"X-API-Key": good, "X-Forwarded-For": "192.0.2.2"}) as elsewhere:
            assert (await elsewhere.get(WORKSPACES)).status_code == 200


async def test_credentials_are_in_no_event_and_no_log_line(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    key = await new_key(place.olga, name="the name of a key")
    token = await exchanged(place.tenure.url, key["key"])
    texts = []
    async with program(place.tenure) as asking:
        for headers in ({"X-API-Key": key["key"]}, bearing(token), bearing(key["key"]), bearing(f"{token}x")):
            for path in AT.values():
                texts.append((await asking.get(path, headers=headers)).text)
            await sockets(place, headers)
    await place.olga.delete(f"{KEYS}/{key['id']}")

    async def forgotten() -> bool:
        async with place.tenure.tenure.pool.connection() as conn:
            sql = "select from tenure_events where topic like '%%ApiKey.Forgotten'"
            return await (await conn.execute(sql)).fetchone() is not None

    await eventually(forgotten)
    secrets = (key["key"][13:], token, token.split(".")[2], key["prefix"], key["name"])
    async with place.tenure.tenure.pool.connection() as conn:
        tables = [name for (name,) in await (await conn.execute(TABLES)).fetchall()]
        assert {"tenure_events", "trail", "work", "api_key_rows", "signing_keys"} <= set(tables)
        for table in tables:
            rows = str(await (await conn.execute(f"select t::text from {table} t")).fetchall())
            events = str(await (await conn.execute(AS_TEXT)).fetchall()) if table == "tenure_events" else ""
            assert not [secret for secret in secrets if secret in rows + events], table
    lines = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "answered" in lines
    assert not [secret for secret in secrets[:3] if secret in lines]
    assert not [secret for secret in secrets[:3] if secret in "".join(texts)]


TABLES = "select table_name from information_schema.tables where table_schema = 'public'"
AS_TEXT = "select convert_from(state, 'utf8') from tenure_events"


async def test_somebody_without_any_is_nobody(place: Place) -> None:
    async with browser(place.tenure) as asking:
        answers = [await asking.get(path) for path in AT.values()]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
