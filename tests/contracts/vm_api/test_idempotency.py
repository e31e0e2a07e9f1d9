"""Creating with an Idempotency-Key: a client that missed the answer may retry."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.contracts.asking import WORKSPACES, fine, refused, until_status
from tests.support.server import Served

BODY = {"name": "my-workspace", "template": "nodejs", "ttl_seconds": 3600}


async def post(client: httpx.AsyncClient, key: str, **changed: Any) -> httpx.Response:
    return await client.post(WORKSPACES, json=BODY | changed, headers={"Idempotency-Key": key})


async def count(client: httpx.AsyncClient) -> int:
    return len(fine(await client.get(WORKSPACES)))


async def test_the_same_again_answers_the_same_byte_for_byte(alice: httpx.AsyncClient) -> None:
    first, again = await post(alice, "k1"), await post(alice, "k1")
    fine(first)
    assert again.content == first.content
    assert await count(alice) == 1


async def test_also_when_it_has_long_changed_or_ended(alice: httpx.AsyncClient) -> None:
    first = await post(alice, "k1")
    id = first.json()["id"]
    await until_status(alice, id, "running")
    await alice.post(f"{WORKSPACES}/{id}/extend", json={"ttl_seconds": 60})
    assert (await post(alice, "k1")).content == first.content

    await alice.delete(f"{WORKSPACES}/{id}")
    assert (await post(alice, "k1")).content == first.content
    refused(await alice.get(f"{WORKSPACES}/{id}"), 404)


async def test_the_same_key_with_another_body_is_refused(alice: httpx.AsyncClient) -> None:
    fine(await post(alice, "k1"))
    others: list[dict[str, Any]] = [{"name": "b"}, {"template": None}, {"ttl_seconds": 3601}, {"ttl_seconds": None}]
    for other in others:
        refused(await post(alice, "k1", **other), 409, "Idempotency-Key")
    assert await count(alice) == 1


async def test_what_counts_is_what_is_asked_not_how_it_is_spelt(alice: httpx.AsyncClient) -> None:
    first = await post(alice, "k1")
    spelt = b' { "ttl_seconds":3600, "name":"my\\u002dworkspace", "extra":1, "template":"nodejs" } '
    headers = {"Idempotency-Key": "k1", "Content-Type": "application/json"}
    again = await alice.post(WORKSPACES, content=spelt, headers=headers)
    assert again.content == first.content


async def test_another_key_makes_another(alice: httpx.AsyncClient) -> None:
    assert fine(await post(alice, "k1"))["id"] != fine(await post(alice, "k2"))["id"]


async def test_twenty_at_once_make_one(alice: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(post(alice, "k1") for _ in range(20)))
    assert len({fine(answer)["id"] for answer in answers}) == 1
    assert {answer.content for answer in answers} == {answers[0].content}
    assert await count(alice) == 1


async def test_of_two_bodies_at_once_under_one_key_one_is_refused(alice: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(post(alice, "k1", name=f"n{n % 2}") for n in range(20)))
    bodies = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(bodies) == 10
    assert len({body["id"] for body in bodies}) == 1
    for answer in answers:
        if answer.status_code != 200:
            refused(answer, 409)
    assert await count(alice) == 1


async def test_a_key_is_its_users_own(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    hers, his = fine(await post(alice, "k1")), fine(await post(bob, "k1", name="his"))
    assert hers["id"] != his["id"]
    assert (hers["owner"], his["owner"]) == ("alice", "bob")


async def test_what_was_refused_does_not_use_the_key_up(alice: httpx.AsyncClient) -> None:
    refused(await post(alice, "k1", ttl_seconds=-1), 400)
    fine(await post(alice, "k1"))


async def test_what_is_no_key_is_refused(tenure: Served) -> None:
    for key in ("", "a" * 256, "\N{NO-BREAK SPACE}"):
        headers = [(b"x-user", b"alice"), (b"idempotency-key", key.encode("latin-1"))]
        async with httpx.AsyncClient(base_url=tenure.url, headers=headers) as client:
            refused(await client.post(WORKSPACES, json=BODY), 400, "Idempotency-Key")
