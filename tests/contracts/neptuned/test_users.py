"""Administrators manage accounts (N06, N41, N45 to N53), and the last administrator stays."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from interfaces import app as api
from interfaces.neptuned.credentials import AdministratorRoute
from tests.contracts.neptuned.people import (
    BASE,
    PASSWORD,
    USERS,
    again,
    ask,
    entry,
    fine,
    hashed,
    id_of,
    log_in,
    nobody,
    refused,
)
from tests.support.server import Served

SETTINGS = f"{BASE}/admin/config"


def administered() -> list[tuple[str, str]]:
    """Every method and path below /admin."""
    routes = [route for contract in api.CONTRACTS for router in contract.routers for route in router.routes]
    below = [route for route in routes if isinstance(route, APIRoute) and route.path.startswith(f"{BASE}/admin")]
    assert all(isinstance(route, AdministratorRoute) for route in below), (
        "use interfaces.neptuned.credentials.admin_router"
    )
    return [(method, route.path) for route in below for method in route.methods or ()]


@pytest.mark.line("N41")
async def test_nobody_but_an_administrator_gets_below_admin(
    tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    """Authorization comes first: neither the body nor the id is looked at before."""
    id = await id_of(ada, "ada")
    endpoints = administered()
    assert {("GET", USERS), ("PATCH", SETTINGS), ("DELETE", f"{USERS}/{{user_id}}")} <= set(endpoints)
    async with nobody(tenure, **{"x-user": "ada", "X-VM-User": "ada"}) as client:
        for method, path in endpoints:
            path = path.replace("{user_id}", id).replace("{vm}", "none")
            for body in (b"{}", b"{", b"[1]", b'{"type": "user", "password": "correct horse"}'):
                content: dict[str, Any] = {"content": body, "headers": {"content-type": "application/json"}}
                refused(await client.request(method, path, **content), 401, "log in first")
                refused(await bob.request(method, path, **content), 403, "administrator")
                refused(await client.request(method, f"{path}?token={token(ada)}", **content), 401)
    assert (await entry(ada, "ada"))["user_type"] == "administrator"


def token(client: httpx.AsyncClient) -> str:
    header: str = client.headers["authorization"]
    return header.removeprefix("Bearer ")


@pytest.mark.line("N41")
async def test_a_moderator_has_no_power(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    fine(await ask(ada, await id_of(ada, "bob"), "change_type", type="moderator"))
    refused(await bob.get(USERS), 403)


@pytest.mark.line("N06", "N45", "N46")
async def test_administrators_see_everybody(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    everybody = fine(await ada.get(USERS))
    assert [(row["username"], row["user_type"], row["banned"]) for row in everybody] == [
        ("ada", "administrator", False),
        ("bob", "user", False),
    ]
    for row in everybody:
        assert row.keys() == {"id", "username", "user_type", "banned"}
        assert row["id"].isdigit() and 2**22 < int(row["id"]) < 2**63
        assert fine(await ada.get(f"{USERS}/{row['id']}")) == row


@pytest.mark.line("N46")
@pytest.mark.parametrize("id", ["1", "0", "-1", "bob", "9" * 19, "9" * 40, "\u0661", "%00", "1.0", "create"])
async def test_nobody_is_not_found(ada: httpx.AsyncClient, id: str) -> None:
    refused(await ada.get(f"{USERS}/{id}"), 404)
    refused(await ada.delete(f"{USERS}/{id}"), 404)
    for action, body in {"ban": {}, "unban": {}, "change_type": {"type": "user"}}.items():
        refused(await ask(ada, id, action, **body), 404)
    refused(await ask(ada, id, "change_password", password=PASSWORD), 404)


@pytest.mark.line("N47")
async def test_an_administrator_creates_somebody(tenure: Served, ada: httpx.AsyncClient) -> None:
    body = {"id": "7", "user_type": "moderator", "banned": False, "username": "eve", "password": "battery staple"}
    row = fine(await ada.post(f"{USERS}/create", json=body))
    assert row == await entry(ada, "eve") and row["id"] != "7" and row["user_type"] == "moderator"
    async with nobody(tenure) as client:
        fine(await log_in(client, "eve", "battery staple"))
    refused(await ada.post(f"{USERS}/create", json=body | {"username": "EVE"}), 409, "taken")
    fine(await ada.patch(SETTINGS, json={"registrations_open": False}))
    banned = body | {"username": "mal", "banned": True, "ban_reason": "known elsewhere", "user_type": "administrator"}
    row = fine(await ada.post(f"{USERS}/create", json=banned))
    assert (row["banned"], row["ban_reason"]) == (True, "known elsewhere")
    for wrong in ({"username": None}, {"password": "short"}, {"user_type": "king"}, {"ban_reason": "a\nb"}):
        refused(await ada.post(f"{USERS}/create", json=body | {"username": "zoe"} | wrong), 400)


@pytest.mark.line("N48")
async def test_a_type_is_changed_and_counts_at_once(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    id = await id_of(ada, "bob")
    assert fine(await ask(ada, id, "change_type", type="administrator")) == {}
    assert fine(await bob.get(f"{USERS}/{id}"))["user_type"] == "administrator"
    fine(await ask(bob, await id_of(ada, "ada"), "change_type", type="user"))
    refused(await ada.get(USERS), 403)
    for wrong in ({}, {"type": "king"}, {"type": None}, {"type": ["user"]}):
        refused(await ask(bob, id, "change_type", **wrong), 400)


@pytest.mark.line("N49")
async def test_a_password_that_an_administrator_sets_ends_all_that_is_logged_in(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    id = await id_of(ada, "bob")
    fine(await ask(ada, id, "change_type", type="administrator"))
    other = await again(bob, "bob")
    fine(await ask(ada, id, "change_password", password="battery staple"))
    refused(await bob.get(USERS), 401)
    refused(await bob.get(USERS, headers=other), 401)
    refused(await log_in(bob, "bob"), 401)
    fine(await bob.get(USERS, headers=await again(bob, "bob", "battery staple")))


@pytest.mark.fault("F17")
async def test_an_administrators_own_password_is_changed_with_the_old_one(ada: httpx.AsyncClient) -> None:
    own, new = await id_of(ada, "ada"), {"password": "staple battery"}
    refused(await ask(ada, own, "change_password", **new), 400, "old_password is needed")
    refused(await ask(ada, own, "change_password", **new, old_password="a wrong one"), 403, "old_password")
    fine(await ada.get(USERS))
    fine(await ask(ada, own, "change_password", **new, old_password=PASSWORD))
    refused(await ada.get(USERS), 401)
    fine(await log_in(ada, "ada", "staple battery"))


@pytest.mark.line("N50")
async def test_an_administrator_deletes_an_account(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    id = await id_of(ada, "bob")
    assert fine(await ada.delete(f"{USERS}/{id}")) == {}
    refused(await ada.delete(f"{USERS}/{id}"), 404)
    refused(await bob.post(f"{BASE}/logout"), 401)
    refused(await log_in(bob, "bob"), 401)


@pytest.mark.line("N51", "N06")
async def test_who_is_banned_is_told_why_and_stays(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    id = await id_of(ada, "bob")
    fine(await ask(ada, id, "change_type", type="administrator"))
    assert fine(await ask(ada, id, "ban", reason="spilled the tea")) == {}
    assert await entry(ada, "bob") == {
        "id": id,
        "username": "bob",
        "user_type": "administrator",
        "banned": True,
        "ban_reason": "spilled the tea",
    }
    body = fine(await log_in(bob, "bob"))
    assert body == {"token": body["token"], "banned": True, "ban_reason": "spilled the tea"}
    refused(await bob.get(USERS), 403)
    fine(await ask(ada, id, "ban", reason="and the milk"))
    assert (await entry(ada, "bob"))["ban_reason"] == "and the milk"
    refused(await ask(ada, id, "ban", reason="x" * 501), 400)


@pytest.mark.line("N51")
@pytest.mark.parametrize(
    "ban_options", [{}, {"json": {}}, {"content": b"", "headers": {"content-type": "application/json"}}]
)
async def test_a_reason_need_not_be_given(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, ban_options: dict[str, Any]
) -> None:
    fine(await ada.post(f"{USERS}/{await id_of(ada, 'bob')}/ban", **ban_options))
    row = await entry(ada, "bob")
    assert row["banned"] and "ban_reason" not in row
    body = fine(await log_in(bob, "bob"))
    assert body == {"token": body["token"], "banned": True}


@pytest.mark.line("N52")
async def test_who_is_banned_can_delete_their_account(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    fine(await ask(ada, await id_of(ada, "bob"), "ban", reason="spilled the tea"))
    headers = await again(bob, "bob")
    fine(await bob.post(f"{BASE}/delete_account", headers=headers))
    assert [row["username"] for row in fine(await ada.get(USERS))] == ["ada"]


@pytest.mark.line("N53")
async def test_a_ban_is_lifted(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    id = await id_of(ada, "bob")
    fine(await ask(ada, id, "ban", reason="spilled the tea"))
    assert fine(await ask(ada, id, "unban")) == {}
    assert "banned" not in fine(await log_in(bob, "bob"))
    fine(await ask(ada, id, "ban"))
    assert "ban_reason" not in await entry(ada, "bob"), "the reason of the ban before is not that of this one"


def test_hashes_are_as_clients_make_them() -> None:
    assert hashed("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
