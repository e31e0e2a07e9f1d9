"""Limits attempts per minute: counted in this process, or in Redis for all processes."""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

from application.ports.errors import TooMany
from application.ports.limits import Budget

log = logging.getLogger(__name__)

WINDOW_S = 60
PREFIX = "{tenure-attempts}"  # of keys in Redis; the braces keep all keys of a script in one slot of a cluster
MAX_SOURCES = 100_000  # in each map of this process; strangers choose their sources
PROOF_LASTS_S = 30 * 24 * 3600  # in Redis; in this process until it ends
REDIS_TIMEOUT_S = 2
# Each script is one step for all processes. A counter is a hash: of which window it is, and how many it has counted.
TAKE = """
local wait = 0
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('hget', key, 'count') or '0') >= tonumber(ARGV[i + 1]) then
        wait = math.max(wait, redis.call('pttl', key), 1)
    end
end
if wait > 0 then return {wait} end
local answer = {0}
for i, key in ipairs(KEYS) do
    if redis.call('hsetnx', key, 'window', ARGV[1]) == 1 then redis.call('expire', key, 60) end
    redis.call('hincrby', key, 'count', 1)
    answer[i + 1] = redis.call('hget', key, 'window')
end
return answer
"""
# Attempts of a window that is over are not given back to the next one: it would allow more than the limit.
REFUND = """
for i, key in ipairs(KEYS) do
    if redis.call('hget', key, 'window') == ARGV[i] then redis.call('hincrby', key, 'count', -1) end
end
"""


@dataclass
class Window:
    """What one source has taken, from its first attempt until `ends_at`."""

    ends_at: float
    count: int = 0


class LocalCounters:
    """Counters in this process. No method waits, so that each is one step of the event loop."""

    def __init__(self, time_s: Callable[[], float], max_sources: int) -> None:
        self._time_s, self._max_sources = time_s, max_sources
        self._windows: OrderedDict[str, Window] = OrderedDict()  # in the order of their ends

    def __len__(self) -> int:
        return len(self._windows)

    def take(self, limits: Mapping[str, int]) -> list[Window]:
        """Count one more for each source. Raises `TooMany`, and counts nothing, if one has reached its limit."""
        now = self._time_s()
        while self._windows and next(iter(self._windows.values())).ends_at <= now:
            self._windows.popitem(last=False)
        waits = [
            window.ends_at - now
            for key, limit in limits.items()
            if (window := self._windows.get(key)) and window.count >= limit
        ]
        if waits:
            raise TooMany(max(1, math.ceil(max(waits))))
        windows = [self._windows.setdefault(key, Window(now + WINDOW_S)) for key in limits]
        for window in windows:
            window.count += 1
        while len(self._windows) > self._max_sources:
            self._windows.popitem(last=False)
        return windows


@dataclass(frozen=True)
class TakenAttempt:
    """The `Attempt` port."""

    give_back: Callable[[], Awaitable[None]]

    async def refund(self) -> None:
        await self.give_back()


class PerMinuteAttemptLimiter:
    """The `AttemptLimiter` port. While Redis is unreachable, each process counts alone."""

    def __init__(
        self,
        redis_url: str | None,
        per_minute: int,
        *,
        time_s: Callable[[], float] = time.monotonic,
        max_sources: int = MAX_SOURCES,
    ) -> None:
        self._per_minute, self._max_sources = per_minute, max_sources
        self._local = LocalCounters(time_s, max_sources)
        self._proofs: OrderedDict[str, None] = OrderedDict()  # in the order of their last use
        self._redis = open_redis(redis_url) if redis_url else None

    @property
    def remembered(self) -> tuple[int, int]:
        """How many sources this process counts, and how many it remembers as right."""
        return len(self._local), len(self._proofs)

    async def take(self, *budgets: Budget) -> TakenAttempt:
        """Take one attempt from every budget, in one step. Raises `TooMany`, and takes nothing, if one is used up."""
        limits = {digest(budget.source): budget.factor * self._per_minute for budget in budgets}
        if self._redis is not None:
            try:
                return await self._take_in_redis(limits)
            except RedisError as error:
                log.warning("Redis is unreachable; counting attempts in this process", extra={"because": str(error)})
        windows = self._local.take(limits)

        async def refund() -> None:
            for window in windows:
                window.count -= 1

        return TakenAttempt(refund)

    async def _take_in_redis(self, limits: Mapping[str, int]) -> TakenAttempt:
        keys, token = [f"{PREFIX}:{key}" for key in limits], uuid4().hex
        wait_ms, *windows = await self._run_script(TAKE, keys, [token, *limits.values()])
        if wait_ms:
            raise TooMany(max(1, math.ceil(wait_ms / 1000)))

        async def refund() -> None:
            try:
                await self._run_script(REFUND, keys, windows)
            except RedisError as error:  # the window ends by itself
                log.warning("Redis is unreachable; an attempt is not given back", extra={"because": str(error)})

        return TakenAttempt(refund)

    async def is_proven(self, source: str) -> bool:
        """Whether an attempt of this source was right before, as far as remembered."""
        key = digest(source)
        if key in self._proofs:
            self._proofs.move_to_end(key)
            return True
        if self._redis is None:
            return False
        try:
            return bool(await self._redis.exists(proof_key(key)))
        except RedisError:
            return False

    async def record_proof(self, source: str) -> None:
        """Remember that an attempt of this source was right."""
        key = digest(source)
        self._proofs[key] = None
        self._proofs.move_to_end(key)
        while len(self._proofs) > self._max_sources:
            self._proofs.popitem(last=False)
        if self._redis is not None:
            try:
                await self._redis.set(proof_key(key), 1, ex=PROOF_LASTS_S)
            except RedisError as error:
                log.warning("Redis is unreachable; remembering in this process", extra={"because": str(error)})

    async def _run_script(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        assert self._redis is not None
        return await self._redis.eval(script, len(keys), *keys, *arguments)


def digest(source: str) -> str:
    """What a source is counted under: names and addresses of people must not stay in Redis."""
    return sha256(source.encode(errors="surrogatepass")).hexdigest()


def proof_key(key: str) -> str:
    return f"{PREFIX}:proven:{key}"


def open_redis(url: str) -> Redis:
    """A client of the Redis at a URL of the settings. It connects with the first command."""
    return Redis.from_url(url, socket_connect_timeout=REDIS_TIMEOUT_S, socket_timeout=REDIS_TIMEOUT_S)
