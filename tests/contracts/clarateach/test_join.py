"""Joining, reconnecting, and the claims of a seat's token (T02, T20 to T24, T43, T48)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import jwt
import pytest

from tests.contracts.clarateach.teaching import WORKSHOPS, create_workshop, fine, join, refused, running, until
from tests.support.server import Served, eventually, served, stream
from tests.support.server import until as until_event


@pytest.mark.line("T20", "T21", "T48")
async def test_whoever_has_the_code_has_a_seat(tenure: Served, client: httpx.AsyncClient) -> None:
    workshop = await running(client)
    lena = await join(client, workshop["code"], name="Lena")
    assert set(lena) == {"token", "endpoint", "odehash", "seat"}
    assert (lena["seat"], lena["endpoint"], len(lena["odehash"])) == (1, tenure.url, 5)
    max_ = await join(client, workshop["code"].lower().replace("-", ""))
    assert max_["seat"] == 2 and max_["odehash"] != lena["odehash"]


@pytest.mark.line("T22")
async def test_the_reconnect_code_leads_back_to_the_same_seat(client: httpx.AsyncClient) -> None:
    workshop = await running(client)
    await join(client, workshop["code"])
    max_ = await join(client, workshop["code"])
    back = await join(client, workshop["code"], odehash=max_["odehash"].upper())
    assert (back["seat"], back["odehash"]) == (2, max_["odehash"]) and back["token"] != max_["token"]


@pytest.mark.line("T05", "T23")
async def test_what_is_checked_in_which_order(client: httpx.AsyncClient) -> None:
    workshop = await create_workshop(client, seats=1)

    def ask(code: str = workshop["code"], **more: str):  # type: ignore[no-untyped-def]
        return client.post("/api/join", json={"code": code, **more})

    refused(await ask("NONE-NONE", odehash="aaaaa"), 404, "NOT_FOUND")
    refused(await ask(odehash="aaaaa"), 400, "NOT_RUNNING")
    fine(await client.post(f"{WORKSHOPS}/{workshop['id']}/start"), 202)
    await until(client, workshop["id"], "running")
    await join(client, workshop["code"])
    refused(await ask(odehash="aaaaa"), 404, "SESSION_NOT_FOUND")
    refused(await ask(), 400, "NO_SEATS")


@pytest.mark.line("T20")
@pytest.mark.parametrize(
    "body", [{}, {"code": "abc"}, {"code": "x" * 21}, {"code": 7}, {"code": "CLAU-XY9Z", "odehash": "x7k2"}], ids=str
)
async def test_what_cannot_be_a_code(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    refused(await client.post("/api/join", json=body), 400, "INVALID_INPUT")


@pytest.mark.line("T24")
async def test_a_hundred_at_once_have_ten_seats_without_holes_or_doubles(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, joins_per_hour=1000) as tenure, tenure.client(None) as client:
        workshop = await running(client, seats=10)
        answers = await asyncio.gather(
            *(client.post("/api/join", json={"code": workshop["code"], "name": f"{n}"}) for n in range(100))
        )
        seats = [answer.json() for answer in answers if answer.status_code == 200]
        assert sorted(seat["seat"] for seat in seats) == list(range(1, 11))
        assert len({seat["odehash"] for seat in seats}) == 10
        for answer in answers:
            if answer.status_code != 200:
                refused(answer, 400, "NO_SEATS")
        async with tenure.tenure.pool.connection() as conn:
            assert await (await conn.execute("select count(*) from learners")).fetchone() == (10,)


@pytest.mark.line("T43")
async def test_a_token_says_what_the_contract_says_and_anybody_can_verify_it(
    tenure: Served, client: httpx.AsyncClient
) -> None:
    workshop = await running(client)
    lena = await join(client, workshop["code"])
    keys = fine(await client.get("/.well-known/jwks.json"))["keys"]
    head = jwt.get_unverified_header(lena["token"])
    (key,) = [key for key in keys if key["kid"] == head["kid"]]
    assert (head["alg"], key["alg"], key["use"], key["kty"]) == ("RS256", "RS256", "sig", "RSA")
    claims = jwt.decode(
        lena["token"],
        jwt.PyJWK(key).key,
        algorithms=["RS256"],
        audience="clarateach-workspace",
        issuer="clarateach-portal",
    )
    expected = {"workshop_id": workshop["id"], "container_id": "c-01", "seat": 1, "odehash": lena["odehash"]}
    assert {name: claims[name] for name in expected} == expected
    assert claims["vm_ip"] == "127.0.0.1" and claims["exp"] - claims["iat"] == 24 * 3600
    assert abs(claims["iat"] - time.time()) < 60


@pytest.mark.line("T48")
async def test_the_instructor_sees_who_sits_where_and_whether_they_are_there(
    tenure: Served, client: httpx.AsyncClient
) -> None:
    workshop = await running(client)
    lena = await join(client, workshop["code"], name="Lena")
    await join(client, workshop["code"])
    path = f"{WORKSHOPS}/{workshop['id']}/learners"
    listed = fine(await client.get(path))
    assert [(learner["seat"], learner["name"], learner["connected"]) for learner in listed["learners"]] == [
        (1, "Lena", False),
        (2, "", False),
    ]
    assert listed["connected"] == 0 and listed["learners"][0]["odehash"] == lena["odehash"]
    assert listed["learners"][0]["joined_at"].endswith("Z")


async def test_who_is_sent_away_is_out_and_the_next_one_finds_another_machine(
    tenure: Served, client: httpx.AsyncClient
) -> None:
    workshop = await running(client, seats=1)
    lena = await join(client, workshop["code"], name="Lena")
    before = set(tenure.engine.machines)
    path = f"{WORKSHOPS}/{workshop['id']}/learners"
    assert fine(await client.delete(f"{path}/01")) == {"success": True}
    refused(await client.delete(f"{path}/1"), 404, "NOT_FOUND")
    refused(await client.delete(f"{path}/eleven"), 400, "INVALID_INPUT")
    back = {"code": workshop["code"], "odehash": lena["odehash"]}
    refused(await client.post("/api/join", json=back), 404, "SESSION_NOT_FOUND")
    assert fine(await client.get(path)) == {"learners": [], "connected": 0}

    async def free() -> bool:
        return (await client.post("/api/join", json={"code": workshop["code"]})).status_code == 200

    await eventually(free)
    seats = {call: id for call, id in tenure.engine.calls if call == "ensure_running"}
    assert seats["ensure_running"] not in before


async def test_names_and_reconnect_codes_are_never_in_the_log_and_go_with_the_workshop(
    tenure: Served, client: httpx.AsyncClient
) -> None:
    workshop = await running(client)
    lena = await join(client, workshop["code"], name="Lena Musterfrau")
    async with tenure.tenure.pool.connection() as conn:
        log = str(await (await conn.execute("select convert_from(state, 'utf8') from tenure_events")).fetchall())
        trail = str(await (await conn.execute("select facts, state from trail")).fetchall())
        rows = str(await (await conn.execute("select * from learners")).fetchall())
    for dump in (log, trail, rows):
        assert "Lena" not in dump and lena["odehash"] not in dump
    fine(await client.post(f"{WORKSHOPS}/{workshop['id']}/stop"))
    await until(client, workshop["id"], "stopped")
    async with tenure.tenure.pool.connection() as conn:
        assert await (await conn.execute("select count(*) from learners")).fetchone() == (0,)


async def test_the_instructor_is_told_as_it_happens(tenure: Served) -> None:
    async with tenure.client("alice") as alice, tenure.client(None) as learner, stream(alice) as events:
        workshop = await running(alice)
        await until_event(events, "workshop.started")
        await join(learner, workshop["code"], name="Lena")
        joined = await until_event(events, "workshop.joined")
        first, second = joined["state"]["seats"]
        assert first["learner_id"] == joined["facts"]["learner_id"] and first["joined_at"]
        assert second["ready"] and second["learner_id"] is None


@pytest.mark.fault("F16")
async def test_codes_cannot_be_guessed_at_leisure(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, guesses_per_minute=3) as tenure,
        tenure.client("alice") as alice,
        tenure.client(None) as client,
    ):
        workshop = await running(alice)
        for _ in range(3):
            refused(await client.post("/api/join", json={"code": "NONE-NONE"}), 404, "NOT_FOUND")
        answer = await client.post("/api/join", json={"code": "NONE-NONE"})
        refused(answer, 429, "RATE_LIMITED")
        assert 0 < int(answer.headers["retry-after"]) <= 60
        await join(client, workshop["code"], name="Lena")  # behind the address of the same school
