"""Counting wrong guesses, with Redis and without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import which

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from application.ports import TooMany
from infra.guesses import Guesses, shared
from tests.serving import eventually

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


@pytest.fixture
async def redis_url(tmp_path: Path) -> AsyncIterator[str]:
    """A Redis of this test's own, on a socket."""
    if not (binary := which("redis-server")):
        pytest.skip("there is no redis-server here")
    path = tmp_path / "redis.sock"
    quiet = ("--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path), "--loglevel", "warning")
    server = await asyncio.create_subprocess_exec(binary, *quiet, stdout=asyncio.subprocess.DEVNULL)
    client = Redis(unix_socket_path=str(path))

    async def answers() -> bool:
        try:
            return bool(await client.ping())
        except RedisError:
            return False

    try:
        await eventually(answers)
        yield f"unix://{path}"
    finally:
        await client.aclose()
        server.terminate()
        await server.wait()


async def test_with_redis_all_processes_count_together(redis_url: str) -> None:
    one, another = Guesses(redis_url, per_minute=2), Guesses(redis_url, per_minute=2)
    await one.wrong("here")
    await another.wrong("here")
    for guesses in (one, another):
        with pytest.raises(TooMany):
            await guesses.allowed("here")
        await guesses.allowed("there")
