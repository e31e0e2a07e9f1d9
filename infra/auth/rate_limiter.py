"""Limits requests per hour: counted in this process, or in Redis for all processes."""

from __future__ import annotations

import logging
import math
import time

from limits import RateLimitItemPerHour
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from application.ports.limits import RateStatus
from infra.auth.attempt_limiter import redis_storage

log = logging.getLogger(__name__)


class PerHourRateLimiter:
    """The `RateLimiter` port with the library `limits`. While Redis is unreachable, each process counts alone."""

    def __init__(self, redis_url: str | None) -> None:
        local = MovingWindowRateLimiter(MemoryStorage())
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
