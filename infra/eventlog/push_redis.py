"""Publishes the follower's batches to other processes, over Redis. Readers look up a lost batch in the trail."""

from __future__ import annotations

import asyncio
import logging

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from projections import shape
from projections.hub import Batch, Hub, from_message, to_message

log = logging.getLogger(__name__)
CONNECT_TIMEOUT_S = 2
PUBLISH_TIMEOUT_S = 1
RECONNECT_DELAY_S = 1


class RedisPush:
    """Shares batches among the processes of one installation.

    All installations share the channel, since Redis publishes across its databases: each needs a server of its own.
    """

    def __init__(self, url: str, hub: Hub) -> None:
        self._redis: Redis = Redis.from_url(url, socket_timeout=None, socket_connect_timeout=CONNECT_TIMEOUT_S)
        self._hub = hub
        # Processes of another version look batches up instead: they may not know what is in an entry.
        self.channel = f"tenure:pushes:{shape.own_shape().digest[:16]}"

    async def publish(self, batch: Batch) -> None:
        """Send the batch to all processes, this one included. Logs a warning if Redis does not take it."""
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                await self._redis.publish(self.channel, orjson.dumps(to_message(batch)))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("Redis did not take a batch; readers look it up in the trail", extra={"because": str(error)})

    async def run(self) -> None:
        """Hand published batches to the hub until cancelled. Reconnect whenever the connection is lost."""
        try:
            while True:
                try:
                    await self._listen()
                except (RedisError, OSError) as error:
                    log.warning("Redis is unreachable", extra={"because": str(error)})
                await asyncio.sleep(RECONNECT_DELAY_S)
        finally:
            await self._redis.aclose()

    async def _listen(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(self.channel)
            async for message in channel.listen():
                await self._receive(message["data"])

    async def _receive(self, data: bytes) -> None:
        """Hand one message to the hub. A failure loses this push only: the hub looks its events up in the trail."""
        try:
            await self._hub.receive(from_message(orjson.loads(data)))
        except Exception as error:
            log.warning("a push is lost; readers look it up in the trail", extra={"because": describe(error)})


def describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
