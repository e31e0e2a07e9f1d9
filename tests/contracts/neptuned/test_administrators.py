"""The last administrator cannot be removed in any way; administrators who use API keys instead of a password."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from domain.vm_account import VmAdministrators
from tests.contracts.chrote.people import invited, member
from tests.contracts.neptuned.people import BASE, PASSWORD, USERS, ask, entry, fine, id_of, nobody, person, refused
from tests.support.api_keys import bearing, exchanged, new_key
from tests.support.database_text import dumped, holding
from tests.support.server import Served, eventually


@pytest.mark.line("N48", "N50", "N51")
async def test_the_last_administrator_stays(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    id = await id_of(ada, "ada")
    refused(await ask(ada, id, "change_type", type="moderator"), 409, "last administrator")
    refused(await ask(ada, id, "ban", reason="spilled the tea"), 409, "last administrator")
    refused(await ada.delete(f"{USERS}/{id}"), 409, "last administrator")
    refused(await ada.post(f"{BASE}/delete_account"), 409, "last administrator")
    fine(await ask(ada, await id_of(ada, "bob"), "change_type", type="administrator"))
    assert await entry(bob, "ada") == {"id": id, "username": "ada", "user_type": "administrator", "banned": False}
    fine(await ask(bob, id, "ban"))
    refused(await ask(bob, await id_of(bob, "bob"), "change_type", type="user"), 409, "last administrator")
    fine(await ask(bob, id, "unban"))
    fine(await bob.post(f"{BASE}/delete_account"))
    refused(await ada.post(f"{BASE}/delete_account"), 409, "last administrator")


async def test_of_administrators_who_take_one_another_down_at_once_one_stays(tenure: Served) -> None:
    names = ["ada", "bob", "cyd", "dan"]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(person(tenure, name)) for name in names]
        ids = [await id_of(clients[0], name) for name in names]
        for id in ids[1:]:
            fine(await ask(clients[0], id, "change_type", type="administrator"))
        requests = []
        for nth, client in enumerate(clients):
            other = ids[(nth + 1) % 4]  # everybody somebody else, in two of the ways that there are
            ways = [
                ask(client, other, "change_type", type="user"),
                ask(client, other, "ban"),
                client.delete(f"{USERS}/{other}"),
                client.post(f"{BASE}/delete_account"),
            ]
            requests += [ways.pop(nth), ways.pop()]
            for left in ways:
                left.close()
        statuses = [answer.status_code for answer in await asyncio.gather(*requests)]
    assert 200 in statuses and set(statuses) <= {200, 401, 403, 404, 409}
    async with tenure.tenure.pool.connection() as conn:
        sql = "select count(*) from vm_accounts where user_type = 'administrator' and not banned"
        ((left,),) = await (await conn.execute(sql)).fetchall()
    administrators = await tenure.tenure.deps.http.platform.load(VmAdministrators, VmAdministrators.id_of())
    assert left == len(administrators.user_ids) >= 1


async def test_a_member_comes_with_a_key_and_roles_do_not_follow_from_types(tenure: Served) -> None:
    """The owner came first, and so is an administrator of virtual machines; an admin of Tenure is not one."""
    async with member(tenure, "olga") as olga, member(tenure, "anna", await invited(olga, "admin")) as anna:
        for member_client, status in ((olga, 200), (anna, 403)):
            key = (await new_key(member_client))["key"]
            for headers in ({"X-API-Key": key}, bearing(key), bearing(await exchanged(tenure.url, key))):
                async with nobody(tenure, **headers) as client:
                    assert (await client.get(USERS)).status_code == status
        key = (await new_key(olga))["key"]
        reading = (await new_key(olga, scopes=["read"]))["key"]
        async with nobody(tenure, **{"X-API-Key": key}) as of_olga:
            everybody = fine(await of_olga.get(USERS))
            types = [(row["username"], row["user_type"]) for row in everybody]
            assert types == [("olga", "administrator"), ("anna", "user")]
            refused(await ask(of_olga, everybody[0]["id"], "change_password", password=PASSWORD), 409, "another way")
            refused(await of_olga.post(f"{BASE}/logout"), 400, "revoke it")
            async with nobody(tenure, **{"X-API-Key": reading}) as client:
                assert fine(await client.get(USERS)) == everybody
                refused(await ask(client, everybody[1]["id"], "ban"), 403, "this API key is not for this")
            me = (await anna.get("/auth/me")).json()["id"]
            fine(await ask(of_olga, everybody[1]["id"], "change_type", type="administrator"))
            assert (await anna.get("/auth/me")).json()["role"] == "admin"
            assert (await olga.delete(f"/api/users/{me}")).status_code == 200
            assert [row["username"] for row in fine(await of_olga.get(USERS))] == ["olga"], "gone by the other door too"


async def test_an_administrator_of_machines_takes_nobody_s_place_away(tenure: Served) -> None:
    """Deleting the owner's Neptuned account leaves the membership in Tenure alone."""
    async with member(tenure, "olga") as olga, member(tenure, "anna", await invited(olga)) as anna:
        keys = [(await new_key(member_client))["key"] for member_client in (olga, anna)]
        async with nobody(tenure, **bearing(keys[0])) as of_olga, nobody(tenure, **bearing(keys[1])) as of_anna:
            refused(await of_anna.get(USERS), 403)
            ids = [await id_of(of_olga, name) for name in ("olga", "anna")]
            fine(await ask(of_olga, ids[1], "change_type", type="administrator"))
            fine(await ask(of_anna, ids[0], "ban", reason="spilled the tea"))
            fine(await of_anna.delete(f"{USERS}/{ids[0]}"))
            assert [row["username"] for row in fine(await of_anna.get(USERS))] == ["anna"]
            refused(await of_olga.get(USERS), 401)
            assert (await olga.get("/auth/me")).json()["role"] == "owner"
            assert holding(await dumped(tenure.tenure.pool), "spilled the tea") == []

            async def forgotten() -> bool:
                return "VmAccount.Forgotten" in (await dumped(tenure.tenure.pool))["tenure_events"]

            await eventually(forgotten)
            assert (await olga.get("/auth/me")).json()["name"] == "olga"


async def test_the_last_administrator_is_not_removed_by_another_door(tenure: Served) -> None:
    async with member(tenure, "olga") as olga, member(tenure, "anna", await invited(olga)) as anna:
        keys = {"olga": (await new_key(olga))["key"], "anna": (await new_key(anna))["key"]}
        async with nobody(tenure, **{"X-API-Key": keys["olga"]}) as of_olga:
            async with nobody(tenure, **{"X-API-Key": keys["anna"]}) as of_anna:
                refused(await of_anna.get(USERS), 403)
            fine(await ask(of_olga, await id_of(of_olga, "anna"), "change_type", type="administrator"))
            fine(await ask(of_olga, await id_of(of_olga, "olga"), "change_type", type="user"))
        me = (await anna.get("/auth/me")).json()["id"]
        answer = await olga.delete(f"/api/users/{me}")
        assert answer.status_code == 409 and "last administrator" in answer.text
