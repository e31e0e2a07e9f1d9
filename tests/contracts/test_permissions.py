"""The permission table against reality: every operation of every contract, asked by everybody.

The operations come from the routes, so one that is added tomorrow must be in the table, and is asked by everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from application.access import NEEDS, Actor, allowed
from domain.role import Role
from domain.scope import Scope
from domain.user_type import UserType
from interfaces.permissions import PERMISSIONS, Credential, Permission
from tests.contracts.everybody import Everybody, Person, everybody
from tests.contracts.neptuned.people import BASE, fine
from tests.contracts.requests import ABSENT, Request, Things
from tests.contracts.streams import routes
from tests.support.api_keys import bearing
from tests.support.databases import Databases
from tests.support.server import WAIT_TIMEOUT_S

ACCEPTED = {
    Credential.NONE: {"nothing", "login", "key", "token", "header", "instructor", "account", "seat"},
    Credential.PERSON: {"login", "key", "token", "header"},
    Credential.PERSON_ITSELF: {"login", "key", "header"},
    Credential.MEMBER: {"login", "key", "token"},
    Credential.SIGNED_IN: {"login", "key", "token", "instructor"},
    Credential.KEY: {"key", "token"},
    Credential.KEY_ITSELF: {"key"},
    Credential.INSTRUCTOR: {"login", "key", "token", "header", "instructor"},
    Credential.ACCOUNT: {"key", "token", "account"},
    Credential.SEAT: {"seat"},
}
# They end the credential of whoever asks, so everybody has one for that request alone.
ENDING = {"POST /auth/logout", "POST /api/auth/logout", "POST /api/v0/logout", "POST /api/v0/change_password"}
ENDING |= {"POST /api/v0/delete_account"}
HANDSHAKE_REFUSALS = (4001, 4004)
MAYBE = "404, for want of permission or of what is asked for"
NOBODY_ID = UUID(int=1)


@dataclass(frozen=True)
class Somebody:
    """Who asks: their credential, and what Tenure should take them for."""

    headers: dict[str, str]
    credential: str  # a kind of `ACCEPTED`
    actor: Actor = Actor(NOBODY_ID, "", "")
    is_good: bool = True  # False: the credential has ended


@dataclass
class Cast:
    """Everybody who asks, by name, and the things that they ask for."""

    place: Everybody
    things: Things
    people: dict[str, Somebody]


def member_of(person: Person, role: str, **fields: Any) -> Actor:
    id = UUID(person.id.removeprefix("user_"))
    return replace(Actor(id, "", "").with_role(Role(role)), **{"user_type": UserType.USER} | fields)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cast(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cast]:
    with databases.lend() as url:
        async with everybody(url, tmp_path_factory.mktemp("everybody")) as place:
            yield Cast(place, Things(place), await the_cast(place))


async def the_cast(place: Everybody) -> dict[str, Somebody]:
    people = {"nobody": Somebody({}, "nothing"), "named by a header": Somebody({"x-user": "alice"}, "header")}
    for role in ("viewer", "operator", "admin"):
        person = await place.person(role)
        actor = member_of(person, role)
        people[role] = Somebody(person.cookie, "login", actor)
        for scope in Scope if role == "admin" else (Scope.FULL, Scope.READ):
            people[f"{role}'s key: {scope}"] = await by_key(place, person, actor, scope)
    olga = member_of(place.olga, "owner", user_type=UserType.ADMINISTRATOR)
    people["owner"] = Somebody(place.olga.cookie, "login", olga)
    for scope in Scope:
        key = people[f"owner's key: {scope}"] = await by_key(place, place.olga, olga, scope)
        token = bearing(await place.token(key.headers["X-API-Key"]))
        people[f"owner's token: {scope}"] = Somebody(token, "token", key.actor)
    return people | await of_other_audiences(place) | await of_the_removed(place)


async def by_key(place: Everybody, person: Person, actor: Actor, scope: Scope) -> Somebody:
    """Somebody who asks with a key of this scope."""
    key = await place.key(person, scopes=[scope])
    return Somebody({"X-API-Key": key["key"]}, "key", replace(actor, scopes=frozenset({scope})))


async def of_other_audiences(place: Everybody) -> dict[str, Somebody]:
    """Tokens of VM accounts, of an instructor and of a seat."""
    workshop = await place.workshop(place.olga.cookie, starts=True)
    seat = await place.seat(workshop["code"])
    people = {"learner": Somebody(bearing(seat["token"]), "seat")}
    body = await Things(place).body("POST /api/auth/register")
    async with place.program({}) as client:
        answer = await client.post("/api/auth/register", json=body)
    id = UUID(answer.json()["user"]["id"])
    people["instructor"] = Somebody(
        bearing(answer.json()["token"]), "instructor", Actor(id, "", "").with_role(Role.VIEWER)
    )
    for kind in ("user", "administrator", "banned"):
        name, token = await place.vm_account()
        id_of_account = await place.vm_account_id(name)
        async with place.program(bearing(place.olga_key)) as client:
            users = f"{BASE}/admin/users/{id_of_account}"
            if kind == "administrator":
                fine(await client.post(f"{users}/change_type", json={"type": kind}))
            if kind == "banned":
                fine(await client.post(f"{users}/ban", json={}))
        actor = Actor(NOBODY_ID, "", "", user_type=None if kind == "banned" else UserType(kind))
        people[f"VM account: {kind}"] = Somebody(bearing(token), "account", actor)
    return people


async def of_the_removed(place: Everybody) -> dict[str, Somebody]:
    """What a removed member still has, and a revoked key."""
    person, other = await place.person("admin"), await place.person("admin")
    key, revoked = await place.key(person), await place.key(other)
    fine(await other.client.delete(f"/api/v1/keys/{revoked['id']}"))
    fine(await place.olga.client.delete(f"/api/users/{person.id}"))
    return {
        "removed member": Somebody(person.cookie, "login", is_good=False),
        "removed member's key": Somebody({"X-API-Key": key["key"]}, "key", is_good=False),
        "revoked key": Somebody({"X-API-Key": revoked["key"]}, "key", is_good=False),
    }


async def with_own_credentials(place: Everybody) -> dict[str, Somebody]:
    """Somebody with each kind of credential, which nobody else uses."""
    person = await place.person()
    actor = member_of(person, "operator")
    people = {
        "nobody": Somebody({}, "nothing"),
        "operator": Somebody(person.cookie, "login", actor),
        "operator's key": await by_key(place, await place.person(), actor, Scope.FULL),
        "operator's key to read": await by_key(place, await place.person(), actor, Scope.READ),
    }
    for banned in (False, True):
        name, token = await place.vm_account()
        if banned:
            async with place.program(bearing(place.olga_key)) as olga:
                fine(await olga.post(f"{BASE}/admin/users/{await place.vm_account_id(name)}/ban", json={}))
        actor = Actor(NOBODY_ID, "", "", user_type=None if banned else UserType.USER)
        people["banned account" if banned else "account"] = Somebody(bearing(token), "account", actor)
    return people


def test_every_operation_is_in_the_table_and_no_other() -> None:
    assert sorted(PERMISSIONS) == sorted(operation for operation, _ in routes())


def test_every_action_of_the_table_is_known() -> None:
    actions = {action for permission in PERMISSIONS.values() for action in permission.actions}
    assert actions <= set(NEEDS)


def is_allowed(operation: str, permission: Permission, somebody: Somebody, olga_id: UUID) -> bool:
    """What the table says. Things with an id in the path are Olga's."""
    if permission.credential is Credential.NONE:
        return True
    if not somebody.is_good or somebody.credential not in ACCEPTED[permission.credential]:
        return False
    holder = olga_id if "{" in operation else somebody.actor.user_id
    return all(allowed(somebody.actor, action, holder) for action in permission.actions)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("operation", sorted(PERMISSIONS))
async def test_everybody_may_do_what_the_table_says(cast: Cast, operation: str) -> None:
    permission, place = PERMISSIONS[operation], cast.place
    olga_id = UUID(place.olga.id.removeprefix("user_"))
    people = await with_own_credentials(place) if operation in ENDING else cast.people
    differences = {}
    for name, somebody in people.items():
        expected = is_allowed(operation, permission, somebody, olga_id)
        request = await cast.things.request(operation)
        refusal = await refusal_of(place, operation, request, somebody)
        if refusal != MAYBE and (refusal is None) != expected:
            differences[name] = refusal or "allowed"
        if refusal is None:
            cast.things.used(operation)
    assert not differences


async def refusal_of(place: Everybody, operation: str, request: Request, somebody: Somebody) -> str | None:
    """How a request is refused for want of permission; None if it is not."""
    if request.method == "WS":
        return await refusal_of_socket(place, request, somebody)
    async with (
        place.program(somebody.headers) as client,
        client.stream(request.method, request.path, json=request.body) as answer,
    ):
        if answer.status_code < 400:
            return None
        body = (await answer.aread()).decode()
    assert answer.status_code < 500 or answer.status_code == 503, (somebody, body)
    if answer.status_code == 404 and operation in ABSENT:
        return MAYBE
    is_refused = answer.status_code in (401, 403, 404) or '"not_allowed"' in body
    return f"{answer.status_code} {body[:200]}" if is_refused else None


async def refusal_of_socket(place: Everybody, request: Request, somebody: Somebody) -> str | None:
    address = place.url.replace("http", "ws", 1) + request.path
    try:
        async with (
            asyncio.timeout(WAIT_TIMEOUT_S),
            connect(address, additional_headers=somebody.headers, proxy=None, close_timeout=1) as socket,
        ):
            await socket.recv()
            return None
    except InvalidStatus as refused:
        assert refused.response.status_code in (401, 403, 404), refused.response
        return str(refused.response.status_code)
    except ConnectionClosed as closed:
        assert closed.rcvd and closed.rcvd.code in HANDSHAKE_REFUSALS, closed
        return str(closed.rcvd.code)
