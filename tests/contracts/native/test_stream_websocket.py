"""GET /api/v1/events as a WebSocket: the same, as JSON messages."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.contracts.asking import WORKSPACES, create, get, running
from tests.support.server import WAIT_TIMEOUT_S, Served, eventually, served

STREAM = "/api/v1/events"


def socket(tenure: Served, query: str = "", user: str | None = "alice", path: str = STREAM, **headers: str) -> connect:
    identity = {"x-user": user} if user else {}
    url = tenure.url.replace("http", "ws", 1) + path + query
    return connect(url, additional_headers=identity | headers, proxy=None)


async def next_message(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        message: dict[str, Any] = json.loads(await socket.recv())
        return message


async def up_to(socket: ClientConnection, last: str) -> list[dict[str, Any]]:
    messages = [await next_message(socket)]
    while messages[-1]["event"] != last:
        messages.append(await next_message(socket))
    return messages


async def test_it_tells_what_the_other_stream_tells(tenure: Served, alice: httpx.AsyncClient) -> None:
    async with socket(tenure) as events:
        assert await next_message(events) == {"event": "ready", "position": 0}
        id = (await create(alice))["id"]
        requested, provisioned = await next_message(events), await next_message(events)
        assert requested["event"] == requested["kind"] == "workspace.requested"
        assert (provisioned["subject"], provisioned["state"]["status"]) == (id, "running")
        assert provisioned["caused_by"] == requested["position"]
        assert (await get(alice, id))["status"] == "running"


async def test_it_goes_on_after_a_position(tenure: Served, alice: httpx.AsyncClient) -> None:
    await running(alice)
    other = await running(alice)
    async with socket(tenure, "?after=2") as events:
        messages = await up_to(events, "ready")
        assert [message["event"] for message in messages] == ["workspace.requested", "workspace.provisioned", "ready"]
        assert messages[0]["subject"] == other["id"]
    async with socket(tenure, "?after=0", **{"Last-Event-ID": "4"}) as events:
        assert await next_message(events) == {"event": "ready", "position": 4}
    async with socket(tenure, "?after=5") as events:
        assert await next_message(events) == {
            "event": "reset",
            "position": 4,
            "reason": "that position is not in this log",
        }


async def test_one_subject_can_be_watched(tenure: Served, alice: httpx.AsyncClient) -> None:
    one, other = await running(alice), await running(alice)
    async with socket(tenure, f"?subject={one['id']}&after=0") as events:
        assert {message["subject"] for message in (await up_to(events, "ready"))[:-1]} == {one["id"]}
        await alice.delete(f"{WORKSPACES}/{other['id']}")
        await alice.delete(f"{WORKSPACES}/{one['id']}")
        assert (await next_message(events))["subject"] == one["id"]


async def test_nobody_is_told_of_what_is_anothers(tenure: Served, alice: httpx.AsyncClient) -> None:
    hers = await running(alice)
    async with socket(tenure, "?after=0", user="bob") as events, tenure.client("bob") as bob:
        assert (await next_message(events))["event"] == "ready"
        await alice.delete(f"{WORKSPACES}/{hers['id']}")
        his = await running(bob)
        assert {message["subject"] for message in await up_to(events, "workspace.provisioned")} == {his["id"]}


REFUSED: list[tuple[str, str | None, str, int, str]] = [
    ("", None, STREAM, 401, "x-user"),
    ("", "", STREAM, 401, "sign in first"),
    ("", "a" * 101, STREAM, 401, "x-user"),
    ("?subject=x", "alice", STREAM, 400, "subject"),
    ("?after=-1", "alice", STREAM, 400, "after"),
    ("?after=x", "alice", STREAM, 400, "after"),
    ("?after=" + "9" * 5000, "alice", STREAM, 400, "after"),
    ("", "alice", "/api/v1/nothing", 404, "nothing at this address"),
    ("", "alice", WORKSPACES, 404, "nothing at this address"),
]


async def test_it_is_refused_in_the_handshake_with_a_sentence(tenure: Served) -> None:
    for query, user, path, status, says in REFUSED:
        with pytest.raises(InvalidStatus) as refusal:
            async with socket(tenure, query, user, path):
                pass
        answer = refusal.value.response
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        body = json.loads(answer.body or b"")
        assert list(body) == ["error"] and says in body["error"]


async def test_a_last_event_id_that_is_no_position_is_refused(tenure: Served) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with socket(tenure, **{"Last-Event-ID": "x"}):
            pass
    assert refusal.value.response.status_code == 400


async def test_what_a_client_says_changes_nothing(tenure: Served, alice: httpx.AsyncClient) -> None:
    async with socket(tenure) as events:
        await next_message(events)
        for noise in ("{", "subscribe", b"\x00\xff", "a" * 100_000):
            await events.send(noise)
        await create(alice)
        assert (await next_message(events))["event"] == "workspace.requested"


async def test_who_has_left_is_forgotten(tenure: Served) -> None:
    async with socket(tenure) as events:
        await next_message(events)
        assert tenure.tenure.hub.readers == 1
    await eventually(lambda: is_read_by(tenure, 0))


async def is_read_by(tenure: Served, count: int) -> bool:
    return tenure.tenure.hub.readers == count


async def test_at_the_end_everybody_is_told_to_come_back(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path) as tenure:
        events = await socket(tenure)
        await next_message(events)
    with pytest.raises(ConnectionClosed) as closed:
        await next_message(events)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "come back with the last position")
