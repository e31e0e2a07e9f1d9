"""Counting requests: in this process, in Redis for all processes, and here again while Redis is away."""

from __future__ import annotations

import pytest

from infra.auth.rate_limits import Rates
from tests.support.services import redis

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("redis_url", [None, NOBODY_LISTENS])
async def test_this_process_counts_each_kind_and_each_address_for_itself(redis_url: str | None) -> None:
    rates = Rates(redis_url)
    assert [(await rates.hit("create", "here", 2)).allowed for _ in range(3)] == [True, True, False]
    assert (await rates.hit("create", "there", 2)).allowed and (await rates.hit("join", "here", 2)).allowed


async def test_with_redis_all_processes_count_together() -> None:
    with redis() as lent:
        await lent.answers()
        one, another = Rates(lent.url), Rates(lent.url)
        first, second, third = [await it.hit("create", "here", 2) for it in (one, another, one)]
        assert [(it.allowed, it.left) for it in (first, second, third)] == [(True, 1), (True, 0), (False, 0)]
        assert 3590 < third.resets_in <= 3600
        await lent.goes()
        assert (await one.hit("create", "here", 2)).allowed, "this process has not counted yet"
