"""How often somebody may ask: counted in this process, or in Redis for all of them."""

from __future__ import annotations

import logging
import math
import time

from limits import RateLimitItemPerHour
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from application.ports.limits import Rate
from infra.auth.guess_limits import shared

log = logging.getLogger(__name__)


class Rates:
    """The port of that name, with the library `limits`. While Redis is away, each process counts for itself."""

    def __init__(self, redis_url: str | None) -> None:
        own = MovingWindowRateLimiter(MemoryStorage())
        self._limiters = [MovingWindowRateLimiter(shared(redis_url)), own] if redis_url else [own]

    async def hit(self, kind: str, who: str, per_hour: int) -> Rate:
        limit = RateLimitItemPerHour(per_hour, namespace=f"tenure-{kind}")
        for limiter in self._limiters:
            try:
                allowed = await limiter.hit(limit, who)
                resets_at, left = await limiter.get_window_stats(limit, who)
                return Rate(allowed, per_hour, left, max(1, math.ceil(resets_at - time.time())))
            except RedisError as away:
                log.warning("requests are counted here, since Redis is away", extra={"because": str(away)})
        raise AssertionError("this process can always count")
