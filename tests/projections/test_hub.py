"""Bursts: a reader that takes what it is given keeps up with any; one that does not is cut off, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from application.access import Actor
from projections import query as queries
from projections.hub import Batch, Hub
from projections.query import Position, Queries, QueryResult
from projections.stream_reader import CutOff, Ready, StreamMessage
from projections.trail import Entry
from tests.support.server import WAIT_TIMEOUT_S
from tests.support.stories.workspaces import ANNA, requested

MAX_QUEUED_PUSHES = 8
ACTOR = Actor(ANNA, "anna", "r1")


class NothingMissed(Queries):
    """A trail that has nothing to replay."""

    def __init__(self) -> None: ...

    async def select(
        self, row_type: type[Any], sql: Any, args: Sequence[Any] = (), *, wait: bool = True
    ) -> QueryResult[Any]:
        return QueryResult([], 0)


class Followed(Queries):
    """A trail that has been followed up to 3, and is not followed on."""

    def __init__(self) -> None:
        self.followed, self.head = Position(), 3

    async def _fetch(self, sql: str, args: Sequence[Any]) -> list[dict[str, Any]]:
        return [{"_head": self.head, "_position": 3, "_nth": None}]


def batch(after: int, count: int) -> Batch:
    event = requested.events[0]
    return Batch(
        after,
        after + count,
        [
            Entry(nth, event.originator_id, 1, "workspace.requested", event.at, None, ANNA, False, "", None, {}, None)
            for nth in range(after + 1, after + count + 1)
        ],
    )


async def ready(hub: Hub, subject: UUID | None = None) -> AsyncIterator[Sequence[StreamMessage]]:
    messages = hub.follow(ACTOR, subject, None)
    assert await anext(messages) == [Ready(0)]
    return messages


async def positions_until(messages: AsyncIterator[Sequence[StreamMessage]], last: int) -> list[int]:
    """The positions that it is told, up to the last."""
    positions: list[int] = []
    while not positions or positions[-1] < last:
        positions += [push.position for push in await anext(messages)]
    return positions


async def test_a_batch_longer_than_the_queue_reaches_who_takes_it() -> None:
    hub = Hub(NothingMissed(), MAX_QUEUED_PUSHES, 100)
    reading = [asyncio.create_task(positions_until(await ready(hub), 20 * MAX_QUEUED_PUSHES)) for _ in range(3)]
    await asyncio.sleep(0)  # they wait
    await hub.receive(batch(0, 20 * MAX_QUEUED_PUSHES))
    assert await asyncio.gather(*reading) == [list(range(1, 20 * MAX_QUEUED_PUSHES + 1))] * 3


async def test_who_takes_nothing_is_cut_off_and_holds_up_nobody() -> None:
    hub = Hub(NothingMissed(), MAX_QUEUED_PUSHES, 100)
    stuck, reading = await ready(hub), asyncio.create_task(positions_until(await ready(hub), 20 * MAX_QUEUED_PUSHES))
    await asyncio.sleep(0)
    waiting = asyncio.ensure_future(anext(stuck))
    await asyncio.sleep(0)
    await hub.receive(batch(0, 1))
    await waiting  # it takes one event, and then no more
    await hub.receive(batch(1, 20 * MAX_QUEUED_PUSHES - 1))
    assert await reading == list(range(1, 20 * MAX_QUEUED_PUSHES + 1))
    with pytest.raises(CutOff):
        await anext(stuck)


async def test_what_waits_comes_at_once() -> None:
    hub = Hub(NothingMissed(), MAX_QUEUED_PUSHES, 100)
    messages = await ready(hub)
    first = asyncio.ensure_future(anext(messages))
    await asyncio.sleep(0)
    await hub.receive(batch(0, 1))
    await first
    await hub.receive(batch(1, MAX_QUEUED_PUSHES))
    assert [push.position for push in await anext(messages)] == list(range(2, MAX_QUEUED_PUSHES + 2))


async def test_what_is_looked_up_does_not_wait_for_the_follower_who_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queries, "FOLLOW_TIMEOUT_S", 3600.0)
    log = Followed()
    hub = Hub(log, MAX_QUEUED_PUSHES, 100)
    messages = hub.follow(ACTOR, None, None)
    await anext(messages)
    log.head = 100
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        await hub.receive(batch(2, 1))  # and what came before it has not been told here
    assert hub.position == 3


@pytest.mark.fault("F32")
async def test_a_push_that_lags_is_not_delivered_twice() -> None:
    """A look-up may have ended inside the batch that is pushed now."""
    hub = Hub(NothingMissed(), MAX_QUEUED_PUSHES, 100)
    reading = asyncio.create_task(positions_until(await ready(hub), 6))
    await asyncio.sleep(0)  # it waits
    await hub.receive(batch(0, 4))
    await hub.receive(batch(2, 4))  # of 3 to 6
    assert await reading == [1, 2, 3, 4, 5, 6]
    assert hub.position == 6
