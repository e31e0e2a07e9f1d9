"""Connections end as soon as their user loses access, with the reason; those of others stay open (N51)."""

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
from tests.contracts.neptuned.people import BASE, PASSWORD, USERS, again, ask, fine, id_of
from tests.support.api_keys import KEYS, bearing, new_key, program
from tests.support.server import WAIT_TIMEOUT_S, Served, eventually

AccessWait = asyncio.Task[str]


async def actor(tenure: Served, token: str) -> Actor:
    """The actor of a socket that was opened with this token."""
    deps = tenure.tenure.deps.neptuned
    ids = await deps.vm_tokens.find(token.removeprefix("Bearer "), deps.clock())
    assert ids
    return Actor(ids[0], "", "", token_id=ids[1])


@asynccontextmanager
async def holding(tenure: Served, *users: Actor) -> AsyncIterator[list[AccessWait]]:
    """Hold one open connection for each user."""
    deps = tenure.tenure.deps
    before = deps.http.access_changes.subscribers
    waits = [asyncio.create_task(wait_until_access_ends(deps.http, deps.neptuned, user)) for user in users]

    async def followed() -> bool:
        return deps.http.access_changes.subscribers == before + len(waits)

    try:
        await eventually(followed)
        yield waits
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def why(wait: AccessWait) -> str:
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        return await wait


async def test_a_ban_cuts_all_that_somebody_has_open(
    tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    other = (await again(bob, "bob"))["Authorization"]
    of_bob = [await actor(tenure, header) for header in (bob.headers["authorization"], other)]
    async with holding(tenure, *of_bob, await actor(tenure, ada.headers["authorization"])) as (one, two, of_ada):
        fine(await ask(ada, await id_of(ada, "bob"), "ban", reason="spilled the tea"))
        assert [await why(one), await why(two)] == ["you are banned: spilled the tea"] * 2
        assert not of_ada.done()


async def test_a_changed_password_cuts_all_but_who_changed_it(tenure: Served, bob: httpx.AsyncClient) -> None:
    other = (await again(bob, "bob"))["Authorization"]
    own = await actor(tenure, bob.headers["authorization"])
    async with holding(tenure, await actor(tenure, other), own) as (one, remaining):
        fine(await bob.post(f"{BASE}/change_password", json={"password": "battery staple", "old_password": PASSWORD}))
        assert "log in again" in await why(one)
        fine(await bob.post(f"{BASE}/logout"))
        assert "log in again" in await why(remaining)


@pytest.mark.parametrize("cause", ["deleted", "password", "logged out"])
async def test_so_do_a_password_set_by_others_a_deleted_account_and_a_log_out(
    tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient, cause: str
) -> None:
    other = await again(bob, "bob")
    of_bob = [await actor(tenure, header) for header in (bob.headers["authorization"], other["Authorization"])]
    id = await id_of(ada, "bob")
    async with holding(tenure, *of_bob) as (one, two):
        if cause == "deleted":
            fine(await ada.delete(f"{USERS}/{id}"))
        elif cause == "password":
            fine(await ask(ada, id, "change_password", password="battery staple"))
        else:
            fine(await bob.post(f"{BASE}/logout"))
        assert ("not there" if cause == "deleted" else "log in again") in await why(one)
        if cause != "logged out":
            await why(two)
        fine(await ask(ada, await id_of(ada, "ada"), "unban"))
        assert two.done() == (cause != "logged out")


async def test_a_ban_from_before_it_is_followed_counts_too(
    tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    banned = await actor(tenure, bob.headers["authorization"])
    fine(await ask(ada, await id_of(ada, "bob"), "ban"))
    deps = tenure.tenure.deps
    assert await why(asyncio.create_task(wait_until_access_ends(deps.http, deps.neptuned, banned))) == "you are banned"


async def test_a_revoked_key_cuts_what_it_opened(tenure: Served, ada: httpx.AsyncClient) -> None:
    async with tenure.client("carol") as carol, program(tenure) as asking:
        key = await new_key(carol)
        await asking.post(f"{BASE}/logout", headers=bearing(key["key"]))  # she has an account from now on
        holder = await tenure.tenure.deps.http.api_keys.authenticate(key["key"], "")
        assert holder
        keyholder = Actor(holder.user_id, "", "", key_id=holder.key_id, scopes=holder.scopes)
        async with holding(tenure, keyholder) as (wait,):
            assert (await carol.delete(f"{KEYS}/{key['id']}")).status_code == 200
            assert "key" in await why(wait)


async def test_a_server_that_ends_says_so(tenure: Served, bob: httpx.AsyncClient) -> None:
    async with holding(tenure, await actor(tenure, bob.headers["authorization"])) as (wait,):
        tenure.tenure.hub.close()
        with pytest.raises(ShuttingDown):
            await why(wait)


async def test_events_say_ids_alone(tenure: Served, ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    """Users may read their own account's events in the trail, which contain ids but no names."""
    id = await id_of(ada, "bob")
    fine(await ask(ada, id, "ban", reason="spilled the tea"))
    fine(await ask(ada, id, "change_type", type="moderator"))
    page = await trail.page(tenure.tenure.deps.http.queries, trail.Filter(kind="vm_account"), 0, 10)
    assert [(row.kind, row.facts) for row in page.rows[-2:]] == [
        ("vm_account.banned", {}),
        ("vm_account.type_changed", {"user_type": "moderator"}),
    ]
    assert {row.by for row in page.rows[-2:]} == {page.rows[0].owner_id}, "ada did it"
    assert {row.owner_id for row in page.rows[-2:]} == {page.rows[1].owner_id}, "bob may know"
