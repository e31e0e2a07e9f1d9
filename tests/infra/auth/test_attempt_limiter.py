"""Failed attempts are counted, with Redis and without."""

from __future__ import annotations

import pytest

from application.ports.errors import TooMany
from infra.auth.attempt_limiter import PerMinuteAttemptLimiter, redis_storage
from tests.support.services import redis

UNREACHABLE_REDIS = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("redis_url", [None, UNREACHABLE_REDIS])
async def test_a_source_with_too_many_failures_waits_and_no_other(redis_url: str | None) -> None:
    limiter = PerMinuteAttemptLimiter(redis_url, per_minute=3)
    for _ in range(3):
        await limiter.check("mallory")
        await limiter.record_failure("mallory")
    with pytest.raises(TooMany) as caught:
        await limiter.check("mallory")
    assert 1 <= caught.value.retry_after <= 60
    with pytest.raises(TooMany):
        await limiter.record_failure("mallory")  # so do attempts that were all checked before the first failed
    await limiter.check("alice")


async def test_a_successful_attempt_is_not_counted() -> None:
    limiter = PerMinuteAttemptLimiter(None, per_minute=1)
    for _ in range(10):
        await limiter.check("alice")


@pytest.mark.parametrize("url", ["redis://h:1/0", "rediss://h:1/0", "unix:///run/redis.sock?db=1"])
def test_every_redis_url_of_the_settings_is_understood(url: str) -> None:
    assert redis_storage(url).target_server == "redis"


async def test_with_redis_all_processes_count_together() -> None:
    with redis() as server:
        await server.answers()
        one, another = (PerMinuteAttemptLimiter(server.url, per_minute=2) for _ in range(2))
        await one.record_failure("mallory")
        await another.record_failure("mallory")
        for limiter in (one, another):
            with pytest.raises(TooMany):
                await limiter.check("mallory")
            await limiter.check("alice")
