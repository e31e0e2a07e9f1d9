"""Pushing between processes, over Redis. A batch that gets lost on the way is looked up in the database instead."""

from __future__ import annotations

import asyncio
import logging

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from projections import hub
from projections.hub import Batch, Hub

log = logging.getLogger(__name__)
CHANNEL = "tenure:pushes"


class RedisPush:
    """Every process of this installation shares one channel, so each Tenure needs a Redis database of its own."""

    def __init__(self, url: str, hub: Hub) -> None:
        self._redis: Redis = Redis.from_url(url, socket_timeout=None, socket_connect_timeout=2)
        self._hub = hub

    async def tell(self, batch: Batch) -> None:
        try:
            async with asyncio.timeout(1):
                await self._redis.publish(CHANNEL, orjson.dumps(hub.to_message(batch)))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("Redis does not take a push; readers look it up", extra={"because": str(error)})

    async def run(self) -> None:
        """Hand on what is published, until cancelled; connect again, as often as it takes."""
        try:
            while True:
                try:
                    await self._listen()
                except (RedisError, OSError) as error:
                    log.warning("Redis is away", extra={"because": str(error)})
                await asyncio.sleep(1)
        finally:
            await self._redis.aclose()

    async def _listen(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(CHANNEL)
            async for message in channel.listen():
                await self._hub.receive(hub.from_message(orjson.loads(message["data"])))
