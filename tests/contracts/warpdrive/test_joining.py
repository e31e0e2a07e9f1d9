"""Joining a session: the events on the guest's and the owner's streams."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import httpx
import pytest

from tests.contracts.warpdrive.asking import refused
from tests.contracts.warpdrive.people import (
    APPROVED,
    approve,
    asking,
    denied,
    guests,
    host,
    keyholder,
    keys_inside,
    public_key,
    reject,
    watching,
)
from tests.support.server import Served, eventually, served

SIX = {"alias", "subject_uuid", "region", "pub_key", "user", "client_ip"}


@pytest.mark.line("W16", "W17", "W22", "W23", "W24", "W25", "W28", "W29", "W30", "W34")
async def test_a_guest_asks_and_the_owner_approves(
    anna: httpx.AsyncClient, ben: httpx.AsyncClient, tenure: Served
) -> None:
    session = await host(anna)
    async with watching(anna, session) as owner, asking(ben, session) as guest:
        for stream in (owner, guest):
            assert stream.response.headers["content-type"].startswith("text/event-stream")
        request = await owner.next("join_requested")
        assert set(request) == SIX and all(isinstance(value, str) and value for value in request.values())
        assert request["alias"] == session["alias"] and UUID(request["subject_uuid"])
        assert (request["pub_key"], request["user"]) == (public_key("guest"), "bob")
        assert (request["client_ip"], request["region"]) == ("127.0.0.1", "unknown")
        assert keys_inside(tenure) == {}
        answer = await approve(anna, session, request)
        assert answer.status_code == 200, answer.text
        assert keys_inside(tenure) == {"bob": public_key("guest")}
        assert await guest.next("join_request_outcome") == APPROVED
        await guest.ended()


@pytest.mark.line("W19", "W20", "W29", "W31")
async def test_the_owner_rejects(anna: httpx.AsyncClient, ben: httpx.AsyncClient, tenure: Served) -> None:
    session = await host(anna)
    async with watching(anna, session) as owner, asking(ben, session) as guest:
        request = await owner.next("join_requested")
        assert (await reject(anna, session, request)).status_code == 200
        assert await guest.next("join_request_outcome") == denied("owner_denied_join")
        await guest.ended()
    refused(await approve(anna, session, request), 404, "not_waiting")
    assert keys_inside(tenure) == {}


@pytest.mark.line("W31", "W32")
async def test_who_is_in_already_is_told_so_and_the_owner_is_not_asked(
    anna: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    session = await host(anna)
    async with watching(anna, session) as owner:
        async with asking(anna, session) as herself:
            assert await herself.next("join_request_outcome") == denied("user_already_in_session")
            await herself.ended()
        async with asking(ben, session) as guest:
            assert (await approve(anna, session, await owner.next("join_requested"))).status_code == 200
            assert await guest.next("join_request_outcome") == APPROVED
        async with asking(ben, session, "another key", "bobby") as again:
            assert await again.next("join_request_outcome") == denied("user_already_in_session")
        assert (await anna.delete(f"/sessions/{session['session_id']}")).status_code == 200
        await owner.ended()


@pytest.mark.line("W12")
async def test_a_session_can_forbid_to_join(anna: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    session = await host(anna, no_join=True)
    path = f"/sse/session/alias/{session['alias']}/guest"
    refused(await ben.post(path, json={"pub_key": public_key("guest"), "user": "bob"}), 400, "no_join")


async def test_hanging_up_withdraws(anna: httpx.AsyncClient, ben: httpx.AsyncClient, tenure: Served) -> None:
    session = await host(anna)
    async with watching(anna, session) as owner:
        async with asking(ben, session):
            request = await owner.next("join_requested")

        async def is_gone() -> bool:
            return await guests(anna, session) == []

        await eventually(is_gone)
        refused(await approve(anna, session, request), 404, "not_waiting")
        assert keys_inside(tenure) == {}


async def test_a_request_has_a_time_limit(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, join_seconds=0.3) as tenure,
        keyholder(tenure, "anna") as anna,
        keyholder(tenure, "ben") as ben,
    ):
        session = await host(anna)
        async with watching(anna, session) as owner, asking(ben, session) as guest:
            request = await owner.next("join_requested")
            assert await guest.next("join_request_outcome") == denied("undefined")
            refused(await approve(anna, session, request), 404, "not_waiting")


async def test_the_end_of_the_session_is_told_to_who_waits(anna: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    session = await host(anna)
    async with watching(anna, session) as owner, asking(ben, session) as guest:
        await owner.next("join_requested")
        await anna.delete(f"/sessions/{session['session_id']}")
        await owner.ended()
        assert await guest.next("join_request_outcome") == denied("undefined")


async def test_nothing_is_kept_of_who_asked_when_the_session_is_over(
    anna: httpx.AsyncClient, ben: httpx.AsyncClient, tenure: Served
) -> None:
    session = await host(anna)
    async with watching(anna, session) as owner, asking(ben, session):
        await approve(anna, session, await owner.next("join_requested"))
    await anna.delete(f"/sessions/{session['session_id']}")

    async def is_forgotten() -> bool:
        counts = []
        async with tenure.tenure.pool.connection() as conn:
            for table in ("holder_keys", "join_requests", "admissions", "session_guests"):
                (count,) = await (await conn.execute(f"select count(*) from {table}")).fetchone() or (1,)
                counts.append(count)
        return not any(counts)

    await eventually(is_forgotten)


async def test_an_owner_who_comes_later_is_shown_what_waits_and_every_stream_gets_all(
    anna: httpx.AsyncClient, ben: httpx.AsyncClient, tenure: Served
) -> None:
    session = await host(anna)
    async with keyholder(tenure, "cleo") as cleo, asking(ben, session, "b", "ben"), asking(cleo, session, "c", "cleo"):
        async with watching(anna, session) as first, watching(anna, session) as second:
            users = [[(await stream.next("join_requested"))["user"] for _ in range(2)] for stream in (first, second)]
            assert users == [["ben", "cleo"]] * 2
        async with watching(anna, session) as third, keyholder(tenure, "dora") as dora:
            assert [(await third.next("join_requested"))["user"] for _ in range(2)] == ["ben", "cleo"]
            async with asking(dora, session, "d", "dora"):
                assert (await third.next("join_requested"))["user"] == "dora"


async def test_who_asks_again_takes_the_place_of_what_they_asked(
    anna: httpx.AsyncClient, ben: httpx.AsyncClient, tenure: Served
) -> None:
    session = await host(anna)
    async with watching(anna, session) as owner, asking(ben, session, "old") as before:
        old = await owner.next("join_requested")
        async with asking(ben, session, "new") as now:
            new = await owner.next("join_requested")
            assert await before.next("join_request_outcome") == denied("undefined")
            refused(await approve(anna, session, old), 404, "not_waiting")
            assert (await approve(anna, session, new)).status_code == 200
            assert await now.next("join_request_outcome") == APPROVED
    assert keys_inside(tenure) == {"bob": public_key("new")}
