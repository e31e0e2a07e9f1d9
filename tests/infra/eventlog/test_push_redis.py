"""Pushes over Redis: one that fails is lost alone, since readers look it up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from redis.asyncio import Redis

from application.ports.errors import Unavailable
from infra.eventlog.push_redis import RedisPush
from infra.runtime.tasks import end_tasks
from projections.hub import Batch, Hub
from tests.projections.test_hub import NothingMissed, batch
from tests.support import services
from tests.support.server import eventually


@pytest.fixture
def redis() -> Iterator[services.Redis]:
    with services.redis() as redis:
        yield redis


class BusyHub(Hub):
    """A hub that cannot look up what the first push lacks."""

    def __init__(self) -> None:
        super().__init__(NothingMissed(), 8, 100)
        self.received: list[int] = []

    async def receive(self, batch: Batch) -> None:
        self.received.append(batch.position)
        if len(self.received) == 1:
            raise Unavailable("database", "the pool is busy")


@pytest.mark.fault("F31")
async def test_a_push_that_fails_is_lost_alone(redis: services.Redis) -> None:
    await redis.answers()
    hub = BusyHub()
    push = RedisPush(redis.url, hub)
    client: Redis = Redis.from_url(redis.url)
    listening = asyncio.create_task(push.run())
    try:
        await eventually(lambda: is_subscribed(client, push.channel))
        await push.publish(batch(0, 1))
        await client.publish(push.channel, b"no batch at all")
        await push.publish(batch(1, 1))
        await eventually(lambda: reached(hub, 2))
        assert not listening.done()
    finally:
        await end_tasks([listening])
        await client.aclose()


async def is_subscribed(client: Redis, channel: str) -> bool:
    ((_, count),) = await client.pubsub_numsub(channel)
    return bool(count)


async def reached(hub: BusyHub, position: int) -> bool:
    return position in hub.received
