"""Limits failed attempts per minute: counted in this process, or in Redis for all processes."""

from __future__ import annotations

import logging
import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from application.ports.errors import TooMany

log = logging.getLogger(__name__)


class PerMinuteAttemptLimiter:
    """The `AttemptLimiter` port with the library `limits`. While Redis is unreachable, each process counts alone."""

    def __init__(self, redis_url: str | None, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute, namespace="tenure-guesses")
        local = FixedWindowRateLimiter(MemoryStorage())
        self._limiters = [FixedWindowRateLimiter(redis_storage(redis_url)), local] if redis_url else [local]

    async def check(self, source: str) -> None:
        """Return if `source` may make another attempt. Raises `TooMany`."""
        await self._apply("test", source)

    async def record_failure(self, source: str) -> None:
        """Count one failed attempt of `source`. Raises `TooMany` if that exceeds the limit."""
        await self._apply("hit", source)

    async def _apply(self, operation: str, source: str) -> None:
        for limiter in self._limiters:
            try:
                if await getattr(limiter, operation)(self._limit, source):
                    return
                resets_at, _ = await limiter.get_window_stats(self._limit, source)
                raise TooMany(max(1, math.ceil(resets_at - time.time())))
            except RedisError as error:
                log.warning("Redis is unreachable; counting attempts in this process", extra={"because": str(error)})


def redis_storage(url: str) -> RedisStorage:
    """Return a storage for a Redis URL of the settings; `limits` uses other schemes for sockets and for asyncio."""
    url = f"redis+{url}" if url.startswith("unix://") else url
    return RedisStorage(f"async+{url}", implementation="redispy", socket_connect_timeout=2, socket_timeout=2)
