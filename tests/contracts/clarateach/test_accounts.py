"""Instructors with a password, and learners who register (T49)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contracts.clarateach.teaching import NEW, WORKSHOPS, create_workshop, fine, join, refused, until
from tests.support.server import Served, eventually, served

ADA = {"email": "Ada@example.org", "password": "correct horse", "name": "Ada"}
LENA = {"email": "lena@example.org", "name": "Lena"}


@pytest.fixture
async def school(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """A server where instructors must sign in."""
    async with served(database, tmp_path, portal_auth="required") as tenure:
        yield tenure


@pytest.fixture
async def client(school: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with school.client(None) as client:
        yield client


def bearer(answer: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {answer['token']}"}


@pytest.mark.line("T49")
async def test_an_instructor_registers_logs_in_and_teaches(client: httpx.AsyncClient) -> None:
    ada = fine(await client.post("/api/auth/register", json=ADA), 201)
    assert ada["user"].keys() == {"id", "email", "name", "role", "created_at"}
    assert (ada["user"]["email"], ada["user"]["name"], ada["user"]["role"]) == ("ada@example.org", "Ada", "owner")
    again = fine(await client.post("/api/auth/login", json={"email": "ADA@example.org", "password": ADA["password"]}))
    assert again["user"] == ada["user"] and again["token"] != ada["token"]
    own = fine(await client.post(WORKSHOPS, json=NEW, headers=bearer(again)), 201)["workshop"]
    assert [workshop["id"] for workshop in fine(await client.get(WORKSHOPS, headers=bearer(ada)))["workshops"]] == [
        own["id"]
    ]
    me = fine(await client.get("/api/auth/me", headers=bearer(ada)))
    assert me["user"]["id"] == ada["user"]["id"] and me["user"]["email"] == "ada@example.org"


@pytest.mark.line("T49")
async def test_who_logs_out_is_out(client: httpx.AsyncClient) -> None:
    ada = fine(await client.post("/api/auth/register", json=ADA), 201)
    fine(await client.post("/api/auth/logout", headers=bearer(ada)))
    assert (await client.get("/api/auth/me", headers=bearer(ada))).status_code == 401
    refused(await client.get(WORKSHOPS, headers=bearer(ada)), 401, "UNAUTHORIZED")


@pytest.mark.line("T49")
async def test_a_wrong_password_and_a_stranger_are_told_the_same(client: httpx.AsyncClient) -> None:
    fine(await client.post("/api/auth/register", json=ADA), 201)
    wrong = await client.post("/api/auth/login", json={"email": ADA["email"], "password": "wrong horse"})
    stranger = await client.post("/api/auth/login", json={"email": "eve@example.org", "password": "wrong horse"})
    assert refused(wrong, 401, "UNAUTHORIZED") == refused(stranger, 401, "UNAUTHORIZED")


@pytest.mark.parametrize("email", ["a\0@example.org", "nobody", "@@@"])
async def test_what_is_no_e_mail_signs_nobody_in(client: httpx.AsyncClient, email: str) -> None:
    answer = await client.post("/api/auth/login", json={"email": email, "password": "wrong horse"})
    assert "e-mail" in refused(answer, 400, "INVALID_INPUT")


async def test_an_e_mail_is_one_instructor_s_and_later_ones_need_an_invite(client: httpx.AsyncClient) -> None:
    fine(await client.post("/api/auth/register", json=ADA), 201)
    refused(await client.post("/api/auth/register", json=ADA | {"password": "another horse"}), 400, "INVALID_INPUT")
    bob = {"email": "bob@example.org", "password": "battery staple", "name": "Bob"}
    refused(await client.post("/api/auth/register", json=bob), 403, "FORBIDDEN")
    for wrong in ({"email": "ada"}, {"password": "short"}, {"name": ""}):
        refused(await client.post("/api/auth/register", json=ADA | wrong), 400, "INVALID_INPUT")


async def test_a_token_is_no_cookie_and_a_cookie_no_token(client: httpx.AsyncClient) -> None:
    ada = fine(await client.post("/api/auth/register", json=ADA), 201)
    text = ada["token"].removeprefix("ct_")
    for cookie in (text, ada["token"]):
        answer = await client.get("/api/users", headers={"cookie": f"tenure_login={cookie}"})
        assert answer.status_code == 401
    assert (await client.get("/api/v1/workspaces", headers=bearer(ada))).status_code == 401


async def test_passwords_are_kept_as_slow_hashes_and_go_with_the_account(
    school: Served, client: httpx.AsyncClient
) -> None:
    ada = fine(await client.post("/api/auth/register", json=ADA), 201)
    async with school.tenure.pool.connection() as conn:
        ((hashed,),) = await (await conn.execute("select hash from passwords")).fetchall()
        log = str(await (await conn.execute("select convert_from(state, 'utf8') from tenure_events")).fetchall())
    assert hashed.startswith("$argon2id$")
    assert not [word for word in ("Ada", "ada@", ADA["password"]) if word in log]  # "ada" may be in an id
    await school.tenure.deps.http.profiles.forget(ada["user"]["id"])
    async with school.tenure.pool.connection() as conn:
        assert await (await conn.execute("select count(*) from passwords")).fetchone() == (0,)


@pytest.mark.line("T49")
async def test_a_learner_registers_before_and_has_a_seat_when_it_runs(
    school: Served, client: httpx.AsyncClient
) -> None:
    async with school.client("alice") as alice:
        workshop = await create_workshop(alice)
        body = {"workshop_code": workshop["code"], **LENA}
        lena = fine(await client.post("/api/register", json=body))
        assert lena.keys() == {"access_code", "already_registered", "message"} and not lena["already_registered"]
        path = f"/api/session/{lena['access_code']}"
        pending = {"status": "pending", "workshop_id": workshop["id"], "name": "Lena", "runtime_type": "docker"}
        assert fine(await client.get(path)) == pending
        fine(await alice.post(f"{WORKSHOPS}/{workshop['id']}/start"), 202)
        await until(alice, workshop["id"], "running")
        await join(client, workshop["code"])
        ready = fine(await client.get(path))
        assert ready == pending | {"status": "ready", "endpoint": school.url, "seat": 2, "token": ready["token"]}
        assert fine(await client.get(path.lower()))["seat"] == 2, "the same one each time"
        listed = fine(await alice.get(f"{WORKSHOPS}/{workshop['id']}/learners"))["learners"]
        assert [learner["name"] for learner in listed] == ["", "Lena"]


@pytest.mark.line("T49")
@pytest.mark.fault("F69")
async def test_registering_again_gives_the_code_again(school: Served, client: httpx.AsyncClient) -> None:
    async with school.client("alice") as alice:
        workshop = await create_workshop(alice)
    body = {"workshop_code": workshop["code"], **LENA}
    lena = fine(await client.post("/api/register", json=body))
    assert re.fullmatch("[A-Z2-9]{3}-[A-Z2-9]{4}", lena["access_code"])
    again = fine(await client.post("/api/register", json=body | {"name": LENA["name"].upper()}))
    assert (again["already_registered"], again["access_code"]) == (True, lena["access_code"])


@pytest.mark.fault("F69")
async def test_who_registered_with_0_1_gets_a_new_code(school: Served, client: httpx.AsyncClient) -> None:
    async with school.client("alice") as alice:
        workshop = await create_workshop(alice)
    body = {"workshop_code": workshop["code"], **LENA}
    fine(await client.post("/api/register", json=body))
    async with school.tenure.pool.connection() as conn:
        await conn.execute("update registrations set access_code = null")  # 0.1 stored the hash alone
    code = fine(await client.post("/api/register", json=body))["access_code"]
    assert fine(await client.get(f"/api/session/{code}"))["status"] == "pending"


@pytest.mark.fault("F68")
async def test_the_session_of_a_workshop_that_has_ended_says_so(school: Served, client: httpx.AsyncClient) -> None:
    async with school.client("alice") as alice:
        workshop = await create_workshop(alice)
        path = f"{WORKSHOPS}/{workshop['id']}"
        lena = fine(await client.post("/api/register", json={"workshop_code": workshop["code"], **LENA}))
        session = f"/api/session/{lena['access_code']}"
        fine(await alice.post(f"{path}/start"), 202)
        await until(alice, workshop["id"], "running")
        fine(await alice.post(f"{path}/stop"))
        await until(alice, workshop["id"], "stopped")
        assert fine(await client.get(session))["status"] == "stopped"
        fine(await alice.delete(path))

    async def people_are_forgotten() -> bool:
        async with school.tenure.pool.connection() as conn:
            cursor = await conn.execute("select 1 from registrations where name = '' and access_code is null")
            return bool(await cursor.fetchone())

    refused(await client.get(session), 410, "GONE")
    await eventually(people_are_forgotten)
    refused(await client.get(session), 410, "GONE")


@pytest.mark.fault("F70")
async def test_pasted_codes_are_forgiven(school: Served, client: httpx.AsyncClient) -> None:
    async with school.client("alice") as alice:
        workshop = await create_workshop(alice)
        code = f"{workshop['code'].lower().replace('-', ' – ')}\n"
        lena = fine(await client.post("/api/register", json={"workshop_code": code, **LENA}))
        assert fine(await client.get(f"/api/session/%20{lena['access_code'].replace('-', '—')}%0A"))["name"] == "Lena"
        fine(await alice.post(f"{WORKSHOPS}/{workshop['id']}/start"), 202)
        await until(alice, workshop["id"], "running")
    seat = fine(await client.post("/api/join", json={"code": code}))
    back = fine(await client.post("/api/join", json={"code": code, "odehash": f" {seat['odehash']}\n"}))
    assert back["seat"] == seat["seat"]


@pytest.mark.line("T49")
async def test_an_e_mail_alone_opens_no_seat(school: Served, client: httpx.AsyncClient) -> None:
    async with school.client("alice") as alice:
        workshop = await create_workshop(alice)
    body = {"workshop_code": workshop["code"], **LENA}
    fine(await client.post("/api/register", json=body))
    again = fine(await client.post("/api/register", json=body | {"email": "LENA@example.org", "name": "Nina"}))
    assert (again["already_registered"], again["access_code"]) == (True, "")
    refused(await client.get("/api/session/NONE-NONE"), 404, "SESSION_NOT_FOUND")
    refused(await client.post("/api/register", json=body | {"workshop_code": "NONE-NONE"}), 404, "NOT_FOUND")
    async with school.tenure.pool.connection() as conn:
        rows = str(await (await conn.execute("select * from registrations")).fetchall())
    assert "lena" not in rows.lower()
