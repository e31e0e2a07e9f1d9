"""Decisions of a session's owner about guests, and decisions that are refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.contracts.warpdrive.asking import refused
from tests.contracts.warpdrive.people import (
    APPROVED,
    approval,
    approve,
    asking,
    guests,
    host,
    keyholder,
    keys_inside,
    public_key,
    reject,
    watching,
)
from tests.support.server import Served, eventually


async def test_the_first_decision_stands(anna: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    session = await host(anna)
    async with watching(anna, session) as owner, asking(ben, session) as guest:
        request = await owner.next("join_requested")
        assert (await approve(anna, session, request)).status_code == 200
        refused(await approve(anna, session, request, user="another"), 400, "already_decided")
        refused(await reject(anna, session, request), 400, "already_decided")
        assert await guest.next("join_request_outcome") == APPROVED
    assert [one["status"] for one in await guests(anna, session)] == ["installed"]


@pytest.mark.parametrize(
    ("field", "value", "status", "code"),
    [
        ("pub_key", public_key("somebody else's"), 400, "not_as_requested"),
        ("client_ip", "192.0.2.1", 400, "not_as_requested"),
        ("joiner_uuid", str(UUID(int=7)), 404, "not_waiting"),
        ("user", "root", 400, "invalid"),
        ("user", "b ob", 400, "invalid"),
        ("pub_key", "no key", 400, "invalid"),
        ("joiner_uuid", "bob", 400, "invalid"),
    ],
)
async def test_an_approval_is_of_what_was_asked(
    anna: httpx.AsyncClient, ben: httpx.AsyncClient, tenure: Served, field: str, value: str, status: int, code: str
) -> None:
    session = await host(anna)
    async with watching(anna, session) as owner, asking(ben, session) as guest:
        request = await owner.next("join_requested")
        refused(await approve(anna, session, request, **{field: value}), status, code)
        assert keys_inside(tenure) == {}
        assert (await approve(anna, session, request, user="ben")).status_code == 200  # that is the owner's to say
        assert keys_inside(tenure) == {"ben": public_key("guest")}
        assert await guest.next("join_request_outcome") == APPROVED


@pytest.mark.line("W15", "W19", "W27")
async def test_every_field_is_needed(anna: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    session = await host(anna)
    path = f"/sessions/{session['session_id']}"
    whole = {"pub_key": public_key("guest"), "user": "bob", "client_ip": "127.0.0.1", "joiner_uuid": str(UUID(int=7))}
    for field in whole:
        body = {name: value for name, value in whole.items() if name != field}
        refused(await anna.post(f"{path}/approve", json=body), 400, "invalid", field)
    refused(await anna.post(f"{path}/reject", json={}), 400, "invalid", "joiner_uuid")
    ask = f"/sse/session/alias/{session['alias']}/guest"
    bad: list[tuple[Any, str]] = [
        ({"pub_key": public_key("guest")}, "user"),
        ({"user": "bob"}, "pub_key"),
        ({"user": "root", "pub_key": public_key("guest")}, "user"),
        ({"user": "bob", "pub_key": "no key"}, "pub_key"),
        ({"user": 1, "pub_key": public_key("guest")}, "user"),
    ]
    for body, field in bad:
        refused(await ben.post(ask, json=body), 400, "invalid", field)


@pytest.mark.line("W18", "W21", "W26", "W33")
async def test_who_may_ask_and_decide(anna: httpx.AsyncClient, ben: httpx.AsyncClient, tenure: Served) -> None:
    session = await host(anna)
    someone = approval({"pub_key": public_key("g"), "user": "b", "client_ip": "::1", "subject_uuid": str(UUID(int=7))})
    async with httpx.AsyncClient(base_url=tenure.url) as nobody:
        for id in (session["session_id"], str(UUID(int=1)), "nothing"):
            requests: list[tuple[str, str, Any]] = [
                ("POST", f"/sessions/{id}/approve", someone),
                ("POST", f"/sessions/{id}/reject", {"joiner_uuid": str(UUID(int=7))}),
                ("GET", f"/sse/session/{id}/owner", None),
            ]
            for method, path, body in requests:
                refused(await ben.request(method, path, json=body), 404, "not_found", "no such session")
                refused(await nobody.request(method, path, json=body), 401, "unauthorized")
        ask, body = "/sse/session/alias/no-such-01/guest", {"pub_key": public_key("guest"), "user": "bob"}
        refused(await ben.post(ask, json=body), 404, "not_found", "no such session")
        refused(await nobody.post(ask, json=body), 401, "unauthorized")


async def test_a_name_that_is_taken_is_told_and_another_may_be_given(
    anna: httpx.AsyncClient, ben: httpx.AsyncClient, tenure: Served
) -> None:
    session = await host(anna)
    async with keyholder(tenure, "cleo") as cleo, watching(anna, session) as owner:
        async with asking(ben, session, "b"):
            await approve(anna, session, await owner.next("join_requested"))
        async with asking(cleo, session, "c") as guest:
            request = await owner.next("join_requested")
            refused(await approve(anna, session, request), 400, "not_installed", "taken")
            assert await owner.next("join_requested") == request  # it waits, as before
            assert (await approve(anna, session, request, user="cleo")).status_code == 200
            assert await guest.next("join_request_outcome") == APPROVED
    assert keys_inside(tenure) == {"bob": public_key("b"), "cleo": public_key("c")}


async def test_an_approval_is_taken_back(anna: httpx.AsyncClient, ben: httpx.AsyncClient, tenure: Served) -> None:
    session = await host(anna)
    async with watching(anna, session) as owner:
        async with asking(ben, session):
            request = await owner.next("join_requested")
            path = f"/sessions/{session['session_id']}/guests/{request['subject_uuid']}"
            refused(await anna.delete(path), 400, "conflict", "reject")
            assert (await approve(anna, session, request)).status_code == 200
        refused(await ben.delete(path), 404, "not_found")
        assert (await anna.delete(path)).status_code == 200

        async def is_out() -> bool:
            return await guests(anna, session) == [] and keys_inside(tenure) == {}

        await eventually(is_out)
        refused(await anna.delete(path), 404, "not_found")
        async with asking(ben, session) as again:
            assert (await approve(anna, session, await owner.next("join_requested"))).status_code == 200
            assert await again.next("join_request_outcome") == APPROVED


@pytest.mark.line("W36")
async def test_who_waits_and_who_is_in(anna: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    session = await host(anna)
    assert (await ben.get("/user/guest_sessions")).json() == []
    async with watching(anna, session) as owner, asking(ben, session):
        request = await owner.next("join_requested")
        (waits,) = await guests(anna, session)
        assert (waits["joiner_uuid"], waits["status"]) == (request["subject_uuid"], "waiting")
        await approve(anna, session, request)
        assert [one["status"] for one in await guests(anna, session)] == ["installed"]
    assert (await ben.get("/user/guest_sessions")).json() == [session]
    assert (await anna.get("/user/guest_sessions")).json() == []
    await anna.delete(f"/sessions/{session['session_id']}")
    assert (await ben.get("/user/guest_sessions")).json() == []
