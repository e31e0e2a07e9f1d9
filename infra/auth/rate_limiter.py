"""Limits requests per hour: counted in this process, or in Redis for all processes."""

from __future__ import annotations

import logging
import math
import time

from limits import RateLimitItemPerHour
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from application.ports.limits import RateStatus

log = logging.getLogger(__name__)

MAX_SOURCES = 50_000  # counted in this process at once; strangers choose their addresses


class BoundedMemoryStorage(MemoryStorage):
    """`MemoryStorage` that forgets the source that came first when there are too many."""

    def __init__(self, max_sources: int = MAX_SOURCES) -> None:
        super().__init__()
        self._max_sources = max_sources

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count a request of this key, as the library does."""
        while key not in self.events and len(self.events) >= self._max_sources:
            await self.clear(next(iter(self.events)))
        return await super().acquire_entry(key, limit, expiry, amount)


class PerHourRateLimiter:
    """The `RateLimiter` port with the library `limits`. While Redis is unreachable, each process counts alone."""

    def __init__(self, redis_url: str | None, max_sources: int = MAX_SOURCES) -> None:
        local = MovingWindowRateLimiter(BoundedMemoryStorage(max_sources))
        self._limiters = [MovingWindowRateLimiter(redis_storage(redis_url)), local] if redis_url else [local]

    async def hit(self, kind: str, source: str, per_hour: int) -> RateStatus:
        """Count one request of this kind by `source`, and return what is left of `per_hour`."""
        limit = RateLimitItemPerHour(per_hour, namespace=f"tenure-{kind}")
        for limiter in self._limiters:
            try:
                allowed = await limiter.hit(limit, source)
                resets_at, remaining = await limiter.get_window_stats(limit, source)
                return RateStatus(allowed, per_hour, remaining, max(1, math.ceil(resets_at - time.time())))
            except RedisError as error:
                log.warning("Redis is unreachable; counting requests in this process", extra={"because": str(error)})
        raise AssertionError("the limiter in memory always answers")


def redis_storage(url: str) -> RedisStorage:
    """Return a storage for a Redis URL of the settings; `limits` uses other schemes for sockets and for asyncio."""
    url = f"redis+{url}" if url.startswith("unix://") else url
    return RedisStorage(f"async+{url}", implementation="redispy", socket_connect_timeout=2, socket_timeout=2)
