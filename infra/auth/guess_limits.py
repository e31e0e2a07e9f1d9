"""How often somebody may guess wrongly: counted in this process, or in Redis for all of them."""

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


class Guesses:
    """The port of that name, with the library `limits`. While Redis is away, each process counts for itself."""

    def __init__(self, redis_url: str | None, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute, namespace="tenure-guesses")
        own = FixedWindowRateLimiter(MemoryStorage())
        self._limiters = [FixedWindowRateLimiter(shared(redis_url)), own] if redis_url else [own]

    async def allowed(self, who: str) -> None:
        await self._ask("test", who)

    async def wrong(self, who: str) -> None:
        await self._ask("hit", who)

    async def _ask(self, question: str, who: str) -> None:
        for limiter in self._limiters:
            try:
                if await getattr(limiter, question)(self._limit, who):
                    return
                until, _ = await limiter.get_window_stats(self._limit, who)
                raise TooMany(max(1, math.ceil(until - time.time())))
            except RedisError as away:
                log.warning("guesses are counted here, since Redis is away", extra={"because": str(away)})


def shared(url: str) -> RedisStorage:
    """`limits` wants its own name for a URL of a socket."""
    url = f"redis+{url}" if url.startswith("unix://") else url
    return RedisStorage(f"async+{url}", implementation="redispy", socket_connect_timeout=2, socket_timeout=2)
