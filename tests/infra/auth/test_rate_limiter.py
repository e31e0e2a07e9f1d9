"""Requests are counted in this process, in Redis for all processes, and here again while Redis is unreachable."""

from __future__ import annotations

import pytest

from infra.auth.rate_limiter import PerHourRateLimiter
from tests.support.services import redis

UNREACHABLE_REDIS = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("redis_url", [None, UNREACHABLE_REDIS])
async def test_this_process_counts_each_kind_and_each_address_separately(redis_url: str | None) -> None:
    limiter = PerHourRateLimiter(redis_url)
    assert [(await limiter.hit("create", "10.0.0.1", 2)).allowed for _ in range(3)] == [True, True, False]
    assert (await limiter.hit("create", "10.0.0.2", 2)).allowed
    assert (await limiter.hit("join", "10.0.0.1", 2)).allowed


async def test_with_redis_all_processes_count_together() -> None:
    with redis() as server:
        await server.answers()
        one, another = PerHourRateLimiter(server.url), PerHourRateLimiter(server.url)
        statuses = [await limiter.hit("create", "10.0.0.1", 2) for limiter in (one, another, one)]
        assert [(status.allowed, status.remaining) for status in statuses] == [(True, 1), (True, 0), (False, 0)]
        assert 3590 < statuses[-1].resets_in_s <= 3600
        await server.goes()
        assert (await one.hit("create", "10.0.0.1", 2)).allowed, "this process has not counted yet"


@pytest.mark.fault("F16")
async def test_addresses_that_strangers_choose_do_not_fill_the_memory() -> None:
    limiter = PerHourRateLimiter(None, max_sources=100)
    for n in range(300):
        assert (await limiter.hit("join", f"10.0.0.{n}", 1)).allowed
    assert not (await limiter.hit("join", "10.0.0.299", 1)).allowed
    assert (await limiter.hit("join", "10.0.0.0", 1)).allowed, "who came first was forgotten"
