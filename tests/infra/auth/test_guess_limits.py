"""Counting wrong guesses, with Redis and without."""

from __future__ import annotations

import pytest

from application.ports.errors import TooMany
from infra.auth.guess_limits import Guesses, shared
from tests.support.services import redis

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("redis_url", [None, NOBODY_LISTENS])
async def test_who_is_wrong_too_often_waits_and_nobody_else(redis_url: str | None) -> None:
    guesses = Guesses(redis_url, per_minute=3)
    for _ in range(3):
        await guesses.allowed("here")
        await guesses.wrong("here")
    with pytest.raises(TooMany) as caught:
        await guesses.allowed("here")
    assert 1 <= caught.value.retry_after <= 60
    with pytest.raises(TooMany):
        await guesses.wrong("here")  # also of many that were asked at once
    await guesses.allowed("there")


async def test_a_guess_that_was_right_costs_nothing() -> None:
    guesses = Guesses(None, per_minute=1)
    for _ in range(10):
        await guesses.allowed("here")


@pytest.mark.parametrize("url", ["redis://h:1/0", "rediss://h:1/0", "unix:///run/redis.sock?db=1"])
def test_every_url_that_the_settings_take_is_understood(url: str) -> None:
    assert shared(url).target_server == "redis"


async def test_with_redis_all_processes_count_together() -> None:
    with redis() as lent:
        await lent.answers()
        one, another = Guesses(lent.url, per_minute=2), Guesses(lent.url, per_minute=2)
        await one.wrong("here")
        await another.wrong("here")
        for guesses in (one, another):
            with pytest.raises(TooMany):
                await guesses.allowed("here")
            await guesses.allowed("there")
