"""Accounts by password: register, log in and out, change the password, delete (N02 to N05, N34 to N40)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx
import jwt
import pytest
from argon2 import PasswordHasher

from infra.tables import passwords
from tests.contracts.neptuned.people import (
    BASE,
    PASSWORD,
    again,
    entry,
    fine,
    hashed,
    id_of,
    log_in,
    nobody,
    person,
    refused,
    register,
)
from tests.support.api_keys import bearing
from tests.support.server import Served, served


async def is_in(client: httpx.AsyncClient, headers: dict[str, str]) -> bool:
    """Whether a token is valid: with one, an invalid new password is refused with 400, not 401."""
    answer = await client.post(f"{BASE}/change_password", json={"password": "\0" * 1001}, headers=headers)
    assert answer.status_code in (400, 401), answer.text
    return answer.status_code == 400


def own(client: httpx.AsyncClient) -> dict[str, str]:
    return {"Authorization": client.headers["authorization"]}


@pytest.mark.line("N04", "N05", "N35")
async def test_who_registers_is_logged_in(client: httpx.AsyncClient) -> None:
    body = fine(await register(client, "ada"))
    assert list(body) == ["token"]
    claims = jwt.decode(body["token"], options={"verify_signature": False})
    assert claims["aud"] == "neptuned" and claims["sub"].isdigit()
    assert await is_in(client, bearing(body["token"]))


@pytest.mark.line("N02", "N03", "N34")
async def test_one_logs_in_with_the_hash_of_the_password_or_with_it(client: httpx.AsyncClient) -> None:
    fine(await register(client, "ada"))
    for proof in ({"password_hash": hashed(PASSWORD)}, {"password": PASSWORD}):
        body = fine(await client.post(f"{BASE}/login", json={"username": "ADA", **proof}))
        assert list(body) == ["token"] and await is_in(client, bearing(body["token"]))
    both = {"password_hash": hashed(PASSWORD), "password": PASSWORD}
    for wrong in ({}, both):
        refused(await client.post(f"{BASE}/login", json={"username": "ada", **wrong}), 400, "either")


@pytest.mark.line("N03", "N34")
async def test_a_wrong_password_and_a_stranger_are_told_the_same(client: httpx.AsyncClient) -> None:
    fine(await register(client, "ada"))
    tried = [("ada", "wrong horse"), ("eve", PASSWORD), ("ada", "x"), ("ad\0a", PASSWORD), ("e" * 99, "x")]
    bodies = [{"username": name, "password": password} for name, password in tried]
    answers = [await client.post(f"{BASE}/login", json=body) for body in bodies]
    outcomes = {(answer.status_code, answer.text) for answer in answers}
    assert outcomes == {(401, '{"error":"wrong username or password"}')}


@pytest.mark.line("N34")
async def test_a_stranger_costs_as_much_as_a_wrong_password(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each refusal verifies one hash with the same parameters. Calls are counted, because times vary too much."""
    monkeypatch.setattr(passwords, "PasswordHasher", PasswordHasher)  # as people have it, not cheap as in other tests
    verified: list[str] = []
    verify = PasswordHasher.verify

    def counting(self: PasswordHasher, hash: str | bytes, password: str | bytes) -> bool:
        verified.append(str(hash).rpartition("$")[0].rpartition("$")[0])
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    counts = []
    async with served(database, tmp_path) as tenure, nobody(tenure) as client:
        fine(await register(client, "ada"))
        for name in ("ada", "eve", "ad\0a"):
            before = len(verified)
            refused(await log_in(client, name, "wrong horse"), 401)
            counts.append(len(verified) - before)
    assert counts == [1, 1, 1]
    assert len(set(verified)) == 1 and verified[0].startswith("$argon2id$v=19$m=65536,t=3")


@pytest.mark.line("N34")
@pytest.mark.fault("F16")
async def test_guessing_is_limited_by_name_and_by_address(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, guesses_per_minute=3) as tenure, person(tenure, "ada") as ada:
        async with nobody(tenure, **{"X-Forwarded-For": "192.0.2.1"}) as guesser:
            statuses = [(await log_in(guesser, "ada", f"guess number {n}")).status_code for n in range(4)]
            assert statuses == [401, 401, 401, 429]
            answer = await log_in(guesser, "ada")
            assert refused(answer, 429) and 1 <= int(answer.headers["retry-after"]) <= 60
            refused(await log_in(guesser, "Ada"), 429, "too many")  # in whatever way the name is written
            refused(await log_in(guesser, "eve"), 401)
        async with nobody(tenure, **{"X-Forwarded-For": "192.0.2.2"}) as home:
            fine(await log_in(home, "ada"))
        for nth in range(3, 13):
            async with nobody(tenure, **{"X-Forwarded-For": f"192.0.2.{nth}"}) as guesser:
                for n in range(3):
                    last = await log_in(guesser, "ada", f"guess number {n}")
        refused(last, 429)
        async with nobody(tenure, **{"X-Forwarded-For": "192.0.2.2"}) as home:
            fine(await log_in(home, "ada"))
        assert await is_in(ada, {}), "who is logged in stays so"


@pytest.mark.line("N35")
@pytest.mark.parametrize("name", ["ada", "ADA", "\uff21da", "A\uff44a"])
async def test_a_name_is_taken_however_it_is_written(client: httpx.AsyncClient, name: str) -> None:
    fine(await register(client, "Ada"))
    refused(await register(client, name, "another horse"), 409, "taken")
    refused(await log_in(client, "ada", "another horse"), 401)


@pytest.mark.line("N35")
@pytest.mark.parametrize(
    ("username", "password", "says"),
    [
        ("", PASSWORD, "username"),
        ("a" * 33, PASSWORD, "username"),
        ("a b", PASSWORD, "letters, digits"),
        ("a\u200bda", PASSWORD, "letters, digits"),
        ("\u0430da", PASSWORD, "alike"),
        ("\u0301ada", PASSWORD, "mark"),
        ("a\0", PASSWORD, "letters, digits"),
        ("ada", "short", "password"),
        ("ada", "x" * 1001, "password"),
    ],
)
async def test_a_name_or_a_password_that_is_none_is_said(
    client: httpx.AsyncClient, username: str, password: str, says: str
) -> None:
    refused(await register(client, username, password), 400, says)


@pytest.mark.parametrize("username", ["a", "Zo\u00eb", "\u5f20\u4f1f", "\u0430\u043d\u043d\u0430", "x_-.9"])
async def test_names_of_all_alphabets_are_names(
    client: httpx.AsyncClient, ada: httpx.AsyncClient, username: str
) -> None:
    fine(await register(client, username))
    fine(await log_in(client, username.upper()))
    assert (await entry(ada, username))["user_type"] == "user"


async def test_of_two_who_want_one_name_one_has_it_with_their_own_password(client: httpx.AsyncClient) -> None:
    passwords = [f"password number {n}" for n in range(6)]
    answers = await asyncio.gather(*(register(client, "ada", password) for password in passwords))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    in_ = [(await log_in(client, "ada", password)).status_code for password in passwords]
    assert [status == 200 for status in in_] == [answer.status_code == 200 for answer in answers]


@pytest.mark.line("N36")
async def test_who_logs_out_is_out_with_that_token(bob: httpx.AsyncClient) -> None:
    other = await again(bob, "bob")
    fine(await bob.post(f"{BASE}/logout"))
    refused(await bob.post(f"{BASE}/logout"), 401, "log in")
    assert await is_in(bob, other)


@pytest.mark.line("N37")
async def test_another_password_ends_what_is_logged_in_but_for_who_changed_it(bob: httpx.AsyncClient) -> None:
    others = [await again(bob, "bob") for _ in range(2)]
    fine(await bob.post(f"{BASE}/change_password", json={"password": "battery staple", "old_password": PASSWORD}))
    assert [await is_in(bob, login) for login in [*others, own(bob)]] == [False, False, True]
    refused(await log_in(bob, "bob"), 401)
    fine(await log_in(bob, "bob", "battery staple"))


@pytest.mark.fault("F17")
async def test_a_password_is_changed_with_the_old_one(bob: httpx.AsyncClient) -> None:
    path, new = f"{BASE}/change_password", {"password": "battery staple"}
    refused(await bob.post(path, json=new), 400, "old_password is needed")
    refused(await bob.post(path, json=new | {"old_password": "a wrong one"}), 403, "old_password")
    fine(await log_in(bob, "bob"))
    fine(await bob.post(path, json=new | {"old_password": PASSWORD}))
    fine(await log_in(bob, "bob", "battery staple"))


async def test_a_log_in_with_the_old_password_ends_too_if_it_came_at_the_same_time(
    tenure: Served, bob: httpx.AsyncClient
) -> None:
    """A log-in that proved the old password before the change must not get a token after it."""
    rows, tokens = tenure.tenure.deps.neptuned.vm_account_rows, tenure.tenure.deps.neptuned.vm_tokens
    user_id = await rows.find("bob")
    assert user_id
    fits = await rows.verify_proof(user_id, hashed(PASSWORD), "test")
    assert fits
    fine(await bob.post(f"{BASE}/change_password", json={"password": "battery staple", "old_password": PASSWORD}))
    assert await tokens.issue(user_id, 1, fits, tenure.tenure.deps.native.clock()) is None


@pytest.mark.line("N38", "N39")
async def test_with_the_account_go_its_tokens(ada: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    others = [await again(bob, "bob") for _ in range(2)]
    id = await id_of(ada, "bob")
    assert fine(await bob.post(f"{BASE}/delete_account")) == {}
    assert [await is_in(bob, login) for login in [*others, own(bob)]] == [False, False, False]
    refused(await log_in(bob, "bob"), 401)
    refused(await ada.get(f"{BASE}/admin/users/{id}"), 404)
    assert [row["username"] for row in fine(await ada.get(f"{BASE}/admin/users"))] == ["ada"]
    fine(await register(bob, "bob"))
    assert await id_of(ada, "bob") != id, "somebody new"


@pytest.mark.line("N35")
async def test_the_first_one_owns_the_place_and_administers_it(tenure: Served) -> None:
    async with nobody(tenure) as client:
        registrations = await asyncio.gather(*(register(client, f"user{n}") for n in range(5)))
        types = []
        for registration in registrations:
            answer = await client.get(f"{BASE}/admin/users", headers=bearing(fine(registration)["token"]))
            types.append(answer.status_code)
        assert sorted(types) == [200, 403, 403, 403, 403]
    async with tenure.tenure.pool.connection() as conn:
        assert await (await conn.execute("select role from users")).fetchall() == [("owner",)], "members are others"


async def test_accounts_from_one_address_are_limited(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, accounts_per_hour=2) as tenure, nobody(tenure) as client:
        answers = [await register(client, f"user{n}") for n in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 3600


async def test_a_name_that_was_kept_for_an_account_that_never_came_is_free_after_a_while(
    tenure: Served, client: httpx.AsyncClient
) -> None:
    """The state after a crash between the two writes."""
    assert await tenure.tenure.deps.neptuned.vm_account_rows.register(uuid4(), "ada", hashed(PASSWORD), "test")
    refused(await register(client, "ada"), 409)
    refused(await log_in(client, "ada"), 401)
    async with tenure.tenure.pool.connection() as conn:
        await conn.execute("update identities set known_since = known_since - interval '2 minutes'")
    fine(await register(client, "ada", "battery staple"))
    fine(await log_in(client, "ada", "battery staple"))
