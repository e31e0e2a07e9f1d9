"""Who is connected is let go when they may not be any more: at once, with the reason, and nobody else (N51)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from application.access import Actor
from interfaces.neptuned.credentials import wait_until_access_ends
from projections import trail
from projections.stream_reader import ShuttingDown
from tests.contracts.neptuned.people import BASE, USERS, again, ask, fine, id_of
from tests.support.api_keys import KEYS, bearing, new_key, program
from tests.support.server import WAIT_TIMEOUT_S, Served, eventually

Held = asyncio.Task[str]


async def actor(tenure: Served, token: str) -> Actor:
    """As a socket that this token opened has it."""
    deps = tenure.tenure.deps.neptuned
    found = await deps.vm_tokens.find(token.removeprefix("Bearer "), deps.clock())
    assert found
    return Actor(found[0], "", "", token_id=found[1])


@asynccontextmanager
async def holding(tenure: Served, *who: Actor) -> AsyncIterator[list[Held]]:
    """All of them connected."""
    before = tenure.tenure.hub.readers
    held = [asyncio.create_task(wait_until_access_ends(tenure.tenure.deps.neptuned, it)) for it in who]

    async def followed() -> bool:
        return tenure.tenure.hub.readers == before + len(held)

    try:
        await eventually(followed)
        yield held
    finally:
        for it in held:
            it.cancel()
        await asyncio.gather(*held, return_exceptions=True)


async def why(held: Held) -> str:
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        return await held


async def test_a_ban_cuts_all_that_somebody_has_open(
    tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    other = (await again(bob, "bob"))["Authorization"]
    of_bob = [await actor(tenure, it) for it in (bob.headers["authorization"], other)]
    async with holding(tenure, *of_bob, await actor(tenure, ada.headers["authorization"])) as (one, two, of_ada):
        fine(await ask(ada, await id_of(ada, "bob"), "ban", reason="spilled the tea"))
        assert [await why(one), await why(two)] == ["you are banned: spilled the tea"] * 2
        assert not of_ada.done()


async def test_a_changed_password_cuts_all_but_who_changed_it(tenure: Served, bob: httpx.AsyncClient) -> None:
    other = (await again(bob, "bob"))["Authorization"]
    own = await actor(tenure, bob.headers["authorization"])
    async with holding(tenure, await actor(tenure, other), own) as (one, kept):
        fine(await bob.post(f"{BASE}/change_password", json={"password": "battery staple"}))
        assert "log in again" in await why(one)
        fine(await bob.post(f"{BASE}/logout"))
        assert "log in again" in await why(kept)


@pytest.mark.parametrize("how", ["deleted", "password", "logged out"])
async def test_so_do_a_password_set_by_others_a_deleted_account_and_a_log_out(
    tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient, how: str
) -> None:
    other = await again(bob, "bob")
    of_bob = [await actor(tenure, it) for it in (bob.headers["authorization"], other["Authorization"])]
    id = await id_of(ada, "bob")
    async with holding(tenure, *of_bob) as (one, two):
        if how == "deleted":
            fine(await ada.delete(f"{USERS}/{id}"))
        elif how == "password":
            fine(await ask(ada, id, "change_password", password="battery staple"))
        else:
            fine(await bob.post(f"{BASE}/logout"))
        assert ("not there" if how == "deleted" else "log in again") in await why(one)
        if how != "logged out":
            await why(two)
        fine(await ask(ada, await id_of(ada, "ada"), "unban"))
        assert two.done() == (how != "logged out")


async def test_a_ban_from_before_it_is_followed_counts_too(
    tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    who = await actor(tenure, bob.headers["authorization"])
    fine(await ask(ada, await id_of(ada, "bob"), "ban"))
    assert await why(asyncio.create_task(wait_until_access_ends(tenure.tenure.deps.neptuned, who))) == "you are banned"


async def test_a_revoked_key_cuts_what_it_opened(tenure: Served, ada: httpx.AsyncClient) -> None:
    async with tenure.client("carol") as carol, program(tenure) as asking:
        made = await new_key(carol)
        await asking.post(f"{BASE}/logout", headers=bearing(made["key"]))  # she has an account from now on
        found = await tenure.tenure.deps.http.api_keys.authenticate(made["key"], "")
        assert found
        who = Actor(found.user_id, "", "", key_id=found.key_id, scopes=found.scopes)
        async with holding(tenure, who) as (held,):
            assert (await carol.delete(f"{KEYS}/{made['id']}")).status_code == 200
            assert "key" in await why(held)


async def test_a_server_that_ends_says_so(tenure: Served, bob: httpx.AsyncClient) -> None:
    async with holding(tenure, await actor(tenure, bob.headers["authorization"])) as (held,):
        tenure.tenure.hub.close()
        with pytest.raises(ShuttingDown):
            await why(held)


async def test_events_say_ids_alone(tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    """What becomes of somebody is theirs to read in the trail, as facts without names."""
    id = await id_of(ada, "bob")
    fine(await ask(ada, id, "ban", reason="spilled the tea"))
    fine(await ask(ada, id, "change_type", type="moderator"))
    found = await trail.page(tenure.tenure.deps.http.queries, trail.Filter(kind="vm_account"), 0, 10)
    assert [(it.kind, it.facts) for it in found.rows[-2:]] == [
        ("vm_account.banned", {}),
        ("vm_account.type_changed", {"user_type": "moderator"}),
    ]
    assert {it.by for it in found.rows[-2:]} == {found.rows[0].owner_id}, "ada did it"
    assert {it.owner_id for it in found.rows[-2:]} == {found.rows[1].owner_id}, "bob may know"
