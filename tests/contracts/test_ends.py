"""Every stream and socket ends with what opened it: each credential's ends, for every contract.

The table is checked against the routes, so a stream that is added tomorrow is in it, or the test fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from infra.tables.signing_keys import NEPTUNED, WORKSPACE
from tests.contracts.chrote.people import sign_in
from tests.contracts.everybody import Everybody, Person, everybody, until_done
from tests.contracts.neptuned.people import BASE, fine
from tests.contracts.streams import Ended, opened, streams
from tests.support.api_keys import bearing, resigned
from tests.support.databases import Databases
from tests.support.server import served

pytestmark = pytest.mark.fault("F11")
SOON = timedelta(seconds=2)  # until a credential of these tests expires
MANAGED = {"WS /ws": 4001, "WS /ws/terminal/{id}": 4001}
NO_ACCESS = {"WS /api/v1/events": 1008, "WS /api/v0/connect/{vm}": 1008}
NO_ACCESS |= {"WS /vm/{seat}/terminal": 1008, "WS /vm/{seat}/browser": 1008}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def all_of_it(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Everybody]:
    with databases.lend() as url:
        async with everybody(url, tmp_path_factory.mktemp("everybody")) as place:
            yield place


@dataclass
class Held:
    """A credential, whose it is, and its end."""

    headers: dict[str, str]
    end: Callable[[], Awaitable[Any]]
    person: Person | None = None
    seat: int = 1


Make = Callable[[Everybody], Awaitable[Held]]


# -- logins ----------------------------------------------------------------------------------------------------


async def logged_out(place: Everybody) -> Held:
    person = await place.person()
    return Held(person.cookie, lambda: person.client.post("/auth/logout"), person)


async def signed_in_again(place: Everybody) -> Held:
    person = await place.person()
    return Held(person.cookie, lambda: sign_in(person.client, person.name), person)


async def login_expired(place: Everybody) -> Held:
    person = await place.person()
    await expire(place, person)
    return Held(person.cookie, nothing, person)


async def removed(place: Everybody) -> Held:
    person = await place.person()
    return Held(person.cookie, lambda: remove(place, person), person)


async def instructor_logged_out(place: Everybody) -> Held:
    person, headers = await instructor(place)
    return Held(headers, lambda: person.client.post("/api/auth/logout", headers=headers), person)


async def instructor_expired(place: Everybody) -> Held:
    person, headers = await instructor(place)
    await expire(place, person)
    return Held(headers, nothing, person)


async def instructor_removed(place: Everybody) -> Held:
    person, headers = await instructor(place)
    return Held(headers, lambda: remove(place, person), person)


# -- API keys, and tokens made from them -----------------------------------------------------------------------


async def key_revoked(place: Everybody) -> Held:
    person = await place.person()
    key = await place.key(person)
    return Held({"X-API-Key": key["key"]}, lambda: person.client.delete(f"/api/v1/keys/{key['id']}"), person)


async def key_expired(place: Everybody) -> Held:
    person = await place.person()
    key = await place.key(person, expires_in=int(SOON.total_seconds()))
    return Held({"X-API-Key": key["key"]}, nothing, person)


async def key_owner_removed(place: Everybody) -> Held:
    person = await place.person()
    key = await place.key(person)
    return Held({"X-API-Key": key["key"]}, lambda: remove(place, person), person)


async def token_key_revoked(place: Everybody) -> Held:
    person = await place.person()
    key = await place.key(person)
    headers = bearing(await place.token(key["key"]))
    return Held(headers, lambda: person.client.delete(f"/api/v1/keys/{key['id']}"), person)


async def token_expired(place: Everybody) -> Held:
    person = await place.person()
    key = await place.key(person, expires_in=int(SOON.total_seconds()))
    return Held(bearing(await place.token(key["key"])), nothing, person)


async def token_owner_removed(place: Everybody) -> Held:
    person = await place.person()
    key = await place.key(person)
    return Held(bearing(await place.token(key["key"])), lambda: remove(place, person), person)


# -- tokens of VM accounts, and of seats -----------------------------------------------------------------------


async def account_logged_out(place: Everybody) -> Held:
    _, token = await place.vm_account()
    return Held(bearing(token), lambda: as_account(place, token, "logout"))


async def account_deleted(place: Everybody) -> Held:
    _, token = await place.vm_account()
    return Held(bearing(token), lambda: as_account(place, token, "delete_account"))


async def account_banned(place: Everybody) -> Held:
    name, token = await place.vm_account()
    return Held(bearing(token), lambda: administer(place, name, "ban", {}))


async def account_password_set(place: Everybody) -> Held:
    name, token = await place.vm_account()
    return Held(bearing(token), lambda: administer(place, name, "change_password", {"password": "battery staple"}))


async def account_token_expired(place: Everybody) -> Held:
    _, token = await place.vm_account()
    return Held(bearing(await resigned(place.served, token, NEPTUNED, exp=soon())), nothing)


async def seat_ended(place: Everybody) -> Held:
    workshop, seat = await taken_seat(place)
    path = f"/api/workshops/{workshop['id']}/learners/{seat['seat']}"
    return Held(bearing(seat["token"]), lambda: place.olga.client.delete(path), seat=seat["seat"])


async def workshop_stopped(place: Everybody) -> Held:
    workshop, seat = await taken_seat(place)
    path = f"/api/workshops/{workshop['id']}/stop"
    return Held(bearing(seat["token"]), lambda: place.olga.client.post(path), seat=seat["seat"])


async def seat_token_expired(place: Everybody) -> Held:
    _, seat = await taken_seat(place)
    token = await resigned(place.served, seat["token"], WORKSPACE, exp=soon())
    return Held(bearing(token), nothing, seat=seat["seat"])


# -- what they are made with -----------------------------------------------------------------------------------


async def nothing() -> None:
    """The end of what ends by itself."""


def soon() -> datetime:
    return datetime.now(UTC) + SOON


async def expire(place: Everybody, person: Person) -> None:
    """Let every login of a person expire soon."""
    sql = "update logins set expires_at = %s where user_id = %s"
    async with place.served.tenure.pool.connection() as conn:
        await conn.execute(sql, (soon(), person.id.removeprefix("user_")))


async def remove(place: Everybody, person: Person) -> None:
    fine(await place.olga.client.delete(f"/api/users/{person.id}"))


async def instructor(place: Everybody) -> tuple[Person, dict[str, str]]:
    """A member who has registered with a password, and their token."""
    person = await place.person("viewer")
    invite = (await place.olga.client.post("/api/invites", json={"role": "viewer"})).json()["token"]
    body = {"email": f"{person.id}@example.org", "password": "correct horse", "name": person.name, "invite": invite}
    answer = await person.client.post("/api/auth/register", json=body)
    assert answer.status_code < 300, answer.text
    person.id = f"user_{answer.json()['user']['id'].replace('-', '')}"
    return person, bearing(answer.json()["token"])


async def as_account(place: Everybody, token: str, command: str) -> None:
    async with place.program(bearing(token)) as client:
        fine(await client.post(f"{BASE}/{command}"))


async def administer(place: Everybody, name: str, command: str, body: dict[str, str]) -> None:
    id = await place.vm_account_id(name)
    async with place.program(bearing(place.olga_key)) as olga:
        fine(await olga.post(f"{BASE}/admin/users/{id}/{command}", json=body))


async def taken_seat(place: Everybody) -> tuple[dict[str, Any], dict[str, Any]]:
    workshop = await place.workshop(place.olga.cookie, starts=True)
    return workshop, await place.seat(workshop["code"])


# -- the table -------------------------------------------------------------------------------------------------

LOGINS = (logged_out, signed_in_again, login_expired, removed)
INSTRUCTORS = (instructor_logged_out, instructor_expired, instructor_removed)
KEYS = (key_revoked, key_expired, key_owner_removed)
TOKENS = (token_key_revoked, token_expired, token_owner_removed)
ACCOUNTS = (account_logged_out, account_deleted, account_banned, account_password_set, account_token_expired)
SEATS = (seat_ended, workshop_stopped, seat_token_expired)
ENDS: dict[str, tuple[Make, ...]] = {
    "GET /api/v1/events": (*LOGINS, *KEYS, *TOKENS),
    "WS /api/v1/events": (*LOGINS, *KEYS, *TOKENS),
    "WS /ws": (*LOGINS, *KEYS, *TOKENS),
    "WS /ws/terminal/{id}": (*LOGINS, *KEYS, *TOKENS),
    "GET /sse/session/{session_id}/owner": (*KEYS, *TOKENS),
    "POST /sse/session/alias/{alias}/guest": (*KEYS, *TOKENS),
    "GET /api/workshops/{id}/learners/stream": (*LOGINS, *INSTRUCTORS, *KEYS, *TOKENS),
    "WS /api/v0/connect/{vm}": (*ACCOUNTS, *KEYS, *TOKENS),
    "WS /vm/{seat}/terminal": SEATS,
    "WS /vm/{seat}/browser": SEATS,
}


def test_every_stream_and_socket_is_in_the_table() -> None:
    assert set(ENDS) == streams()


async def path_of(place: Everybody, operation: str, credential: Held) -> tuple[str, Any]:
    """The address of an operation on something that this credential may follow, and the body to send."""
    match operation.partition(" ")[2]:
        case "/ws/terminal/{id}":
            return "/ws/terminal/main", None
        case "/sse/session/{session_id}/owner":
            return f"/sse/session/{(await place.hosted_session(credential.headers))['session_id']}/owner", None
        case "/sse/session/alias/{alias}/guest":
            session = await place.hosted_session({"X-API-Key": place.olga_key})
            return f"/sse/session/alias/{session['alias']}/guest", place.ask()
        case "/api/workshops/{id}/learners/stream":
            return f"/api/workshops/{(await place.workshop(credential.headers))['id']}/learners/stream", None
        case path:
            return path.format(vm="lab", seat=f"{credential.seat:02}"), None


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("operation", "make"),
    [
        pytest.param(operation, make, id=f"{operation}-{getattr(make, '__name__', '')}")
        for operation, makes in ENDS.items()
        for make in makes
    ],
)
async def test_it_ends(all_of_it: Everybody, operation: str, make: Make) -> None:
    credential, other = await make(all_of_it), await all_of_it.person()
    method = operation.partition(" ")[0]
    path, body = await path_of(all_of_it, operation, credential)
    async with AsyncExitStack() as stack:
        task = await stack.enter_async_context(opened(all_of_it.url, method, path, credential.headers, body))
        of_other = await open_events(all_of_it, stack, other)
        await credential.end()
        assert await until_done(task) == (MANAGED | NO_ACCESS).get(operation)
        assert not of_other.done(), "others stay connected"


async def open_events(place: Everybody, stack: AsyncExitStack, person: Person) -> Ended:
    return await stack.enter_async_context(opened(place.url, "WS", "/ws", person.cookie))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("make", [logged_out, removed, key_revoked, token_key_revoked, account_banned])
async def test_it_ends_on_other_servers_too(all_of_it: Everybody, tmp_path: Path, make: Make) -> None:
    """Another server on the same database learns of it from the database, or from the log."""
    operation = "WS /api/v0/connect/{vm}" if make is account_banned else "WS /api/v1/events"
    credential, first = await make(all_of_it), all_of_it.served
    async with served(all_of_it.database, tmp_path, role="api", hypervisor=first.hypervisor) as second:
        path, body = await path_of(all_of_it, operation, credential)
        async with opened(second.url, "WS", path, credential.headers, body) as task:
            await credential.end()
            assert await until_done(task) == 1008
