"""GET /api/v1/events as Server-Sent Events: list, then watch, and miss nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from httpx_sse import ServerSentEvent

from tests.contracts.asking import NOBODY, WORKSPACES, create, fine, get, refused, running
from tests.support.server import WAIT_TIMEOUT_S, Served, eventually, served, stream, until

STREAM = "/api/v1/events"
Events = AsyncIterator[ServerSentEvent]


async def position(client: httpx.AsyncClient) -> int:
    """The position at which the list of workspaces is now."""
    answer = await client.get(WORKSPACES)
    fine(answer)
    return int(answer.headers["x-tenure-position"])


async def up_to(events: Events, last: str) -> list[ServerSentEvent]:
    """Read events up to the first one of this kind."""
    messages: list[ServerSentEvent] = []
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        while not messages or messages[-1].event != last:
            messages.append(await anext(events))
    return messages


async def test_it_is_a_stream_of_server_sent_events(alice: httpx.AsyncClient) -> None:
    async with alice.stream("GET", STREAM) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no" in answer.headers["cache-control"]


async def test_it_says_from_where_on_it_tells_everything(alice: httpx.AsyncClient) -> None:
    await running(alice)
    async with stream(alice, after=0) as events:
        (*messages, ready) = await up_to(events, "ready")
        assert json.loads(ready.data) == {"event": "ready", "position": int(ready.id)}
        assert int(ready.id) == int(messages[-1].id) == await position(alice)


async def test_an_event_says_what_happened_and_what_has_become_of_it(alice: httpx.AsyncClient) -> None:
    async with stream(alice) as events:
        answer = await alice.post(WORKSPACES, json={"name": "a"}, headers={"x-request-id": "create-1"})
        event = await anext(events)
        data = json.loads(event.data)
        assert event.event == data["kind"] == "workspace.requested"
        assert event.id == str(data["position"])
        assert data["subject"] == data["state"]["id"] == answer.json()["id"]
        assert (data["version"], data["request_id"], data["caused_by"]) == (1, "create-1", None)
        assert data["by"] == data["facts"]["owner_id"]
        assert data["at"] == answer.json()["created_at"]
        assert (data["facts"]["name"], data["state"]["status"]) == ("a", "creating")

        then = await until(events, "workspace.provisioned")
        assert (then["by"], then["caused_by"], then["version"]) == (None, data["position"], 2)
        assert then["state"]["status"] == "running"


async def test_who_is_told_can_already_read_it(alice: httpx.AsyncClient) -> None:
    async with stream(alice) as events:
        id = (await create(alice))["id"]
        await until(events, "workspace.provisioned")
        assert (await get(alice, id))["status"] == "running"
        await alice.delete(f"{WORKSPACES}/{id}")
        assert (await until(events, "workspace.deleted"))["state"] is None
        refused(await alice.get(f"{WORKSPACES}/{id}"), 404)


async def test_a_list_says_where_to_go_on(alice: httpx.AsyncClient) -> None:
    before = await running(alice)
    listed = await position(alice)
    after = await running(alice)
    async with stream(alice, after=listed) as events:
        messages = await up_to(events, "ready")
    assert [event.event for event in messages] == ["workspace.requested", "workspace.provisioned", "ready"]
    assert {json.loads(event.data).get("subject") for event in messages[:-1]} == {after["id"]} != {before["id"]}


async def test_without_a_position_it_begins_now(alice: httpx.AsyncClient) -> None:
    await running(alice)
    async with stream(alice) as events:
        id = (await create(alice))["id"]
        assert json.loads((await anext(events)).data)["subject"] == id


async def test_what_a_browser_remembers_counts_more_than_what_its_page_says(alice: httpx.AsyncClient) -> None:
    await running(alice)
    newest = await position(alice)
    headers = {"Last-Event-ID": str(newest)}
    async with alice.stream("GET", STREAM, params={"after": 0}, headers=headers) as answer:
        assert await first_event(answer) == "ready"
    async with alice.stream("GET", STREAM, params={"after": 0}, headers={"Last-Event-ID": ""}) as answer:
        assert await first_event(answer) == "workspace.requested"


async def first_event(answer: httpx.Response) -> str:
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                return line.removeprefix("event: ")
    raise AssertionError("the stream ended before it told anything")


async def test_one_subject_can_be_watched(alice: httpx.AsyncClient) -> None:
    one, other = await running(alice), await running(alice)
    async with stream(alice, subject=one["id"]) as events:
        await alice.delete(f"{WORKSPACES}/{other['id']}")
        await alice.delete(f"{WORKSPACES}/{one['id']}")
        assert json.loads((await anext(events)).data)["subject"] == one["id"]
    async with stream(alice, subject=one["id"], after=0) as events:
        messages = await up_to(events, "ready")
        assert {json.loads(event.data)["subject"] for event in messages[:-1]} == {one["id"]}


async def test_nobody_is_told_of_what_is_anothers(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    async with stream(bob) as all_of_bobs, stream(bob, subject=NOBODY) as nothing:
        hers = await running(alice)
        async with stream(bob, subject=hers["id"], after=0) as about_hers, stream(bob, after=0) as from_the_start:
            await alice.delete(f"{WORKSPACES}/{hers['id']}")
            his = await running(bob)
            for events in (all_of_bobs, from_the_start):
                messages = await up_to(events, "workspace.provisioned")
                assert {json.loads(event.data).get("subject") for event in messages} <= {his["id"], None}
            assert [event.event for event in await up_to(about_hers, "ready")] == ["ready"]
            for events in (about_hers, nothing):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await anext(events)


async def test_an_auditor_is_told_everything(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, auditors=["eve"]) as tenure,
        tenure.client("alice") as alice,
        tenure.client("bob") as bob,
        tenure.client("eve") as eve,
        stream(eve) as events,
    ):
        hers, his = await running(alice), await running(bob)
        subjects: set[str] = set()
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            while not {hers["id"], his["id"]} <= subjects:
                subjects.add(json.loads((await anext(events)).data)["subject"])


async def test_a_position_that_there_is_not_is_reset(alice: httpx.AsyncClient) -> None:
    await running(alice)
    newest = await position(alice)
    async with stream(alice, after=newest + 1000) as events:
        reset = await anext(events)
        assert reset.event == "reset"
        assert json.loads(reset.data) == {
            "event": "reset",
            "position": newest,
            "reason": "that position is not in this log",
        }
        assert reset.id == str(newest)
        id = (await create(alice))["id"]
        assert json.loads((await anext(events)).data)["subject"] == id


async def test_more_than_can_be_replayed_is_reset(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, replay_limit=4) as tenure, tenure.client() as alice:
        await running(alice)
        await running(alice)
        async with stream(alice, after=0) as events:
            assert len(await up_to(events, "ready")) == 5

        await running(alice)
        newest = await position(alice)
        async with stream(alice, after=0) as events:
            data = json.loads((await anext(events)).data)
            assert data == {"event": "reset", "position": newest, "reason": "more than 4 events were missed"}
        async with stream(alice, after=newest - 4) as events:
            assert len(await up_to(events, "ready")) == 5


async def test_somebody_elses_events_are_not_counted_as_missed(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, replay_limit=4) as tenure,
        tenure.client("alice") as alice,
        tenure.client("bob") as bob,
    ):
        for _ in range(3):
            await running(alice)
        await running(bob)
        async with stream(bob, after=0) as events:
            messages = await up_to(events, "ready")
            assert [event.event for event in messages] == ["workspace.requested", "workspace.provisioned", "ready"]


async def test_a_quiet_stream_is_kept_alive_by_comments(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, keepalive_seconds=1) as tenure, tenure.client() as alice:
        async with alice.stream("GET", STREAM) as answer:
            comments = 0
            async with asyncio.timeout(WAIT_TIMEOUT_S):
                async for line in answer.aiter_lines():
                    comments += line.startswith(":")
                    if comments == 2:
                        break
        assert comments == 2


async def test_who_has_left_is_forgotten(tenure: Served, alice: httpx.AsyncClient) -> None:
    async with stream(alice), stream(alice):
        assert tenure.tenure.hub.readers == 2

    async def nobody() -> bool:
        return tenure.tenure.hub.readers == 0

    await eventually(nobody)


async def test_a_bad_question_is_refused_before_the_stream(alice: httpx.AsyncClient) -> None:
    for name, wrong in (("subject", "x"), ("after", "-1"), ("after", "x"), ("after", "")):
        refused(await alice.get(STREAM, params={name: wrong}), 400, name)


async def test_nobody_is_told_nothing(tenure: Served) -> None:
    async with tenure.client(None) as nobody:
        refused(await nobody.get(STREAM), 401, "x-user")
