"""A deleted account leaves no personal data (N40). Passwords, hashes and tokens are never stored or logged in clear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from infra.postgres.database import create_pool
from tests.contracts.neptuned.people import (
    BASE,
    USERS,
    again,
    ask,
    fine,
    hashed,
    id_of,
    log_in,
    nobody,
    person,
    refused,
    register,
)
from tests.support.api_keys import bearing, exchanged, new_key
from tests.support.database_text import dumped, holding
from tests.support.processes import spawned
from tests.support.server import Served, eventually

NAME, ADDRESS, REASON = "Bobadilla", "192.0.2.77", "spilled the tea"
PASSWORDS = ("correct horse of bobadilla", "battery staple of bobadilla")


@pytest.mark.line("N38", "N39", "N40")
@pytest.mark.parametrize("remover", ["delete_account", "an administrator"])
async def test_all_traces_go_with_the_account(tenure: Served, ada: httpx.AsyncClient, remover: str) -> None:
    pool = tenure.tenure.pool
    async with nobody(tenure, **{"X-Forwarded-For": ADDRESS}) as bob:
        bob.headers.update(bearing(fine(await register(bob, NAME, PASSWORDS[0]))["token"]))
        refused(await log_in(bob, NAME, "a wrong one"), 401)
        fine(await bob.post(f"{BASE}/change_password", json={"password": PASSWORDS[1], "old_password": PASSWORDS[0]}))
        tokens = [bob.headers["authorization"], (await again(bob, NAME, PASSWORDS[1]))["Authorization"]]
        id = await id_of(ada, NAME)
        fine(await ask(ada, id, "ban", reason=REASON))
        async with pool.connection() as conn:
            sql = "select user_id::text, hash from passwords where user_id in (select user_id from vm_bans)"
            ((user_id, slow_hash),) = await (await conn.execute(sql)).fetchall()
        traces = [NAME, REASON, slow_hash, ADDRESS, *map(hashed, PASSWORDS), *PASSWORDS, *map(signature, tokens)]
        before = await dumped(pool)
        assert [holding(before, trace) for trace in traces[:3]] == [
            ["identities", "profiles"],
            ["vm_bans"],
            ["passwords"],
        ]
        assert not [trace for trace in traces[3:] if holding(before, trace)], "these were never kept"
        assert set(holding(before, user_id)) > {"identities", "vm_tokens", "vm_accounts"}

        if remover == "delete_account":
            fine(await bob.post(f"{BASE}/delete_account"))
        else:
            fine(await ada.delete(f"{USERS}/{id}"))
        after = await dumped(pool)
        assert {trace: holding(after, trace) for trace in traces} == {trace: [] for trace in traces}

        async def forgotten() -> bool:
            return "VmAccount.Forgotten" in (await dumped(pool))["tenure_events"]

        await eventually(forgotten)
        after = await dumped(pool)
        assert {trace: holding(after, trace) for trace in traces} == {trace: [] for trace in traces}
        left = set(holding(after, user_id))
        assert left <= {"tenure_events", "trail", "holders"}, "history goes on, of somebody"
        for token in tokens:
            refused(await bob.post(f"{BASE}/logout", headers={"Authorization": token}), 401)


async def test_a_founder_who_goes_leaves_nothing_either(tenure: Served) -> None:
    """The founder is Tenure's owner, too. Another administrator stays."""
    async with person(tenure, "olwyn") as olwyn, person(tenure, "bob") as bob:
        assert holding(await dumped(tenure.tenure.pool), "olwyn")
        fine(await ask(olwyn, await id_of(olwyn, "bob"), "change_type", type="administrator"))
        fine(await olwyn.post(f"{BASE}/delete_account"))
        assert [row["username"] for row in fine(await bob.get(USERS))] == ["bob"]
        dump = await dumped(tenure.tenure.pool)
        assert holding(dump, "olwyn") == [] and dump["users"] == ""


async def test_with_the_account_go_the_keys_of_its_owner(tenure: Served) -> None:
    """Tokens that were exchanged for those keys stop working, too."""
    async with tenure.client("carol") as carol:
        key = (await new_key(carol))["key"]
        token = await exchanged(tenure.url, key)
    async with nobody(tenure, **{"X-API-Key": key}) as client:
        fine(await client.post(f"{BASE}/delete_account"))
        for headers in ({"X-API-Key": key}, bearing(key), bearing(token)):
            refused(await client.post(f"{BASE}/delete_account", headers=headers), 401)
            refused(await client.get(USERS, headers=headers), 401)
    assert holding(await dumped(tenure.tenure.pool), "carol") == []


@pytest.mark.line("N02", "N04")
async def test_passwords_hashes_and_tokens_are_in_no_event_log_line_or_error(database: str, tmp_path: Path) -> None:
    """The server runs as a separate process, to capture its whole output."""
    async with spawned(database, tmp_path, machines="local", log_level="debug") as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
            texts, tokens = await a_life(client)
        async with create_pool(database, 2) as pool:
            dump = await dumped(pool)
    events = dump["tenure_events"] + dump["trail"]
    output = server.output_path.read_text()
    secrets = [*PASSWORDS, *map(hashed, PASSWORDS), *tokens, *map(signature, tokens), "argon2", NAME, REASON]
    secrets += [jwt.decode(token, options={"verify_signature": False})["jti"] for token in tokens]
    assert "answered" in output and "VmAccount.PasswordChanged" in events and len(texts) > 20
    for place in (output, events, "\n".join(texts)):
        assert not [secret for secret in secrets if secret.lower() in place.lower()]


async def a_life(client: httpx.AsyncClient) -> tuple[list[str], list[str]]:
    """Do everything that an account allows, rightly and wrongly. Returns the texts of all answers, and the tokens."""
    first = fine(await register(client, "ada"))["token"]
    tokens = [fine(await register(client, NAME, PASSWORDS[0]))["token"]]
    texts: list[str] = []

    async def send(path: str, token: str = "", method: str = "POST", **request: Any) -> None:
        answer = await client.request(method, f"{BASE}{path}", headers=bearing(token) if token else {}, **request)
        texts.append(answer.text)

    both = {"username": NAME, "password": PASSWORDS[0]}
    for body in (both | {"more": PASSWORDS[0]}, both | {"username": "a b"}, {"username": PASSWORDS[0]}, [PASSWORDS[0]]):
        for path in ("/register", "/admin/users/create"):
            await send(path, first, json=body)
    for proof in ({"password": [PASSWORDS[0]]}, {"password_hash": hashed(PASSWORDS[1])}, {"password": PASSWORDS[1]}):
        await send("/login", json={"username": NAME} | proof)
    await send("/login", content=f'{{"username": "{NAME}", "password": "{PASSWORDS[0]}"')
    await send(f"/admin/users?token={tokens[0]}", tokens[0], "GET")
    await send("/change_password", tokens[0] + "x", json={"password": PASSWORDS[1]})
    await send("/change_password", tokens[0], json={"password": PASSWORDS[1], "old_password": PASSWORDS[0]})
    tokens.append(fine(await log_in(client, NAME, PASSWORDS[1]))["token"])
    users = fine(await client.get(USERS, headers=bearing(first)))
    id = users[1]["id"]
    await send(f"/admin/users/{id}/ban", first, json={"reason": REASON})
    await send(f"/admin/users/{id}/change_password", first, json={"password": PASSWORDS[0]})
    await send(f"/admin/users/{id}/change_password", first, json={"password": PASSWORDS[0], "token": tokens[0]})
    tokens.append(fine(await log_in(client, NAME, PASSWORDS[0]))["token"])
    await send(f"/{tokens[2]}", tokens[2], "GET")
    await send("/logout", tokens[2])
    await send("/logout", tokens[2])
    await send("/delete_account", first)
    tokens.append(fine(await log_in(client, NAME, PASSWORDS[0]))["token"])
    await send("/delete_account", tokens[3])
    return texts, [first, *tokens]


def signature(token: str) -> str:
    return token.rpartition(".")[2]
