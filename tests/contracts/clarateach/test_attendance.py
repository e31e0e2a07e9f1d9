"""The attendance stream: each learner's seat and whether they are connected, sent on every change (T48)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from httpx_sse import ServerSentEvent, aconnect_sse

from tests.contracts.clarateach.seats import classroom
from tests.contracts.clarateach.teaching import WORKSHOPS, fine, refused
from tests.support.server import WAIT_TIMEOUT_S


async def until(events: AsyncIterator[ServerSentEvent], fact: Callable[[dict[str, Any]], bool]) -> None:
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        async for event in events:
            if event.data and fact(json.loads(event.data)):
                assert event.event == "learners"
                return
    raise AssertionError("the stream ended")


@pytest.mark.line("T48")
async def test_the_instructor_is_told_who_comes_connects_hangs_up_and_goes(database: str, tmp_path: Path) -> None:
    async with classroom("local", database, tmp_path) as room, room.served.client(None) as client:
        path = f"{WORKSHOPS}/{room.workshop['id']}"
        async with aconnect_sse(client, "GET", f"{path}/learners/stream", timeout=WAIT_TIMEOUT_S) as source:
            events = source.aiter_sse()
            await until(events, lambda attendance: attendance == {"learners": [], "connected": 0})
            seat = await room.seat()
            await until(
                events, lambda attendance: [learner["connected"] for learner in attendance["learners"]] == [False]
            )
            async with seat.terminal() as tab:
                await tab.hear()
                listed = {"learners": fine(await client.get(f"{path}/learners"))["learners"], "connected": 1}
                listed["learners"][0]["connected"] = True
                await until(events, lambda attendance: attendance == listed)
            await until(events, lambda attendance: attendance["connected"] == 0 and len(attendance["learners"]) == 1)
            fine(await client.delete(f"{path}/learners/{seat.number}"))
            await until(events, lambda attendance: attendance["learners"] == [])
            fine(await client.delete(path))
            async with asyncio.timeout(WAIT_TIMEOUT_S):
                assert [event.event async for event in events if event.data] == []  # it ends with the workshop
        refused(await client.get(f"{path}/learners/stream"), 404, "NOT_FOUND")
