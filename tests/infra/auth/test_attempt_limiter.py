"""Attempts are taken from their budgets before they are checked, with Redis and without."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from application.guesses import guess_at
from application.ports.errors import TooMany
from application.ports.limits import Budget
from infra.auth.attempt_limiter import PerMinuteAttemptLimiter
from tests.support.services import redis

UNREACHABLE_REDIS = "redis://127.0.0.1:1/0"
RIGHT = "open sesame"


async def answer(limiter: PerMinuteAttemptLimiter, guesser: str, secret: str, *shared: str) -> str:
    """How one guess is answered. Others go on while it is checked, as while a password is hashed."""
    try:
        async with guess_at(limiter, guesser, *shared) as guess:
            await asyncio.sleep(0)
            if secret != RIGHT:
                guess.wrong()
                return "wrong"
            guess.right()
            return "right"
    except TooMany:
        return "too many"


@pytest.mark.parametrize("redis_url", [None, UNREACHABLE_REDIS])
async def test_a_source_that_has_used_up_its_budget_waits_and_no_other(redis_url: str | None) -> None:
    limiter = PerMinuteAttemptLimiter(redis_url, per_minute=3)
    # given
    for _ in range(3):
        await limiter.take(Budget("mallory"))
    # then
    with pytest.raises(TooMany) as refusal:
        await limiter.take(Budget("mallory"))
    assert 1 <= refusal.value.retry_after <= 60
    await limiter.take(Budget("alice"))


async def test_the_window_of_a_source_ends_a_minute_after_its_first_attempt() -> None:
    now = 1000.0
    limiter = PerMinuteAttemptLimiter(None, per_minute=1, time_s=lambda: now)
    await limiter.take(Budget("mallory"))
    now += 59.5
    with pytest.raises(TooMany) as refusal:
        await limiter.take(Budget("mallory"))
    assert refusal.value.retry_after == 1
    now += 0.5
    await limiter.take(Budget("mallory"))


async def test_an_attempt_is_taken_from_all_its_budgets_or_from_none() -> None:
    limiter = PerMinuteAttemptLimiter(None, per_minute=1)
    await limiter.take(Budget("name"))
    with pytest.raises(TooMany):
        await limiter.take(Budget("address"), Budget("name"))
    await limiter.take(Budget("address"))


async def test_an_attempt_of_a_window_that_is_over_is_not_given_back_to_the_next_one() -> None:
    now = 0.0
    limiter = PerMinuteAttemptLimiter(None, per_minute=1, time_s=lambda: now)
    attempt = await limiter.take(Budget("mallory"))
    now = 60.0
    await limiter.take(Budget("mallory"))
    await attempt.refund()
    with pytest.raises(TooMany):
        await limiter.take(Budget("mallory"))


@pytest.mark.fault("F14")
async def test_of_31_guesses_at_once_no_more_are_checked_than_the_limit() -> None:
    limiter = PerMinuteAttemptLimiter(None, per_minute=20)
    secrets = [f"wrong {n}" for n in range(30)] + [RIGHT]
    answers = await asyncio.gather(*(answer(limiter, "mallory at ada", secret) for secret in secrets))
    assert answers == ["wrong"] * 20 + ["too many"] * 11


@pytest.mark.fault("F14")
async def test_of_31_guesses_at_once_through_replicas_no_more_are_checked_than_the_limit() -> None:
    with redis() as server:
        await server.answers()
        replicas = [PerMinuteAttemptLimiter(server.url, per_minute=20) for _ in range(3)]
        secrets = [f"wrong {n}" for n in range(31)]
        answers = await asyncio.gather(*(answer(replicas[n % 3], "mallory", secrets[n]) for n in range(31)))
        assert sorted(answers) == ["too many"] * 11 + ["wrong"] * 20
        for replica in replicas:
            with pytest.raises(TooMany) as refusal:
                await replica.take(Budget("mallory"))
            assert 1 <= refusal.value.retry_after <= 60


async def test_with_redis_what_is_right_is_given_back_and_remembered_for_all_processes() -> None:
    with redis() as server:
        await server.answers()
        one, another = (PerMinuteAttemptLimiter(server.url, per_minute=1) for _ in range(2))
        for _ in range(3):
            assert await answer(one, "alice", RIGHT) == "right"
        assert await another.is_proven("alice") and not await another.is_proven("mallory")
        await server.goes()
        assert await answer(another, "alice", RIGHT) == "right", "this process counts alone"


async def test_what_proves_itself_right_is_not_counted() -> None:
    limiter = PerMinuteAttemptLimiter(None, per_minute=1)
    assert [await answer(limiter, "alice", RIGHT) for _ in range(10)] == ["right"] * 10


async def test_a_guess_that_could_not_be_checked_is_given_back() -> None:
    limiter = PerMinuteAttemptLimiter(None, per_minute=1)
    for _ in range(3):
        with pytest.raises(OSError, match="no database"):
            async with guess_at(limiter, "alice"):
                raise OSError("no database")
    assert await answer(limiter, "alice", RIGHT) == "right"


@pytest.mark.fault("F16")
async def test_strangers_cannot_lock_out_a_name_where_its_holder_was_right_before() -> None:
    limiter = PerMinuteAttemptLimiter(None, per_minute=3)
    # given
    assert await answer(limiter, "ada from home", RIGHT, "from home", "as ada") == "right"
    # when
    answers = [
        await answer(limiter, f"ada from {n}", "wrong", f"from {n}", "as ada") for n in range(10) for _ in range(3)
    ]
    # then
    assert answers == ["wrong"] * 30
    assert await answer(limiter, "ada from elsewhere", "wrong", "from elsewhere", "as ada") == "too many"
    assert await answer(limiter, "ada from home", RIGHT, "from home", "as ada") == "right"


@pytest.mark.fault("F16")
async def test_wrong_guesses_of_an_address_at_one_name_do_not_refuse_another_name() -> None:
    limiter = PerMinuteAttemptLimiter(None, per_minute=3)
    for _ in range(20):
        await answer(limiter, "eve from school", "wrong", "from school", "as eve")
    assert await answer(limiter, "ada from school", RIGHT, "from school", "as ada") == "right"


@pytest.mark.fault("F16")
async def test_what_strangers_choose_does_not_fill_the_memory() -> None:
    limiter = PerMinuteAttemptLimiter(None, per_minute=3, max_sources=100)
    for n in range(1000):
        await limiter.take(Budget(f"source {n}"))
        await limiter.record_proof(f"source {n}")
    assert limiter.remembered == (100, 100)


class GuessingMachine(RuleBasedStateMachine):
    """Guessers who interleave in any way: within a window, no more wrong guesses are answered than the limit."""

    LIMIT = 3

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.limiter = PerMinuteAttemptLimiter(None, self.LIMIT, time_s=lambda: self.now)
        self.under_way: list[tuple[str, Any]] = []
        self.wrong: dict[str, list[float]] = {}

    def run(self, make: Callable[[], Awaitable[Any]]) -> Any:
        async def call() -> Any:
            return await make()

        return asyncio.run(call())

    @rule(guesser=st.sampled_from(["ada", "eve"]))
    def begin(self, guesser: str) -> None:
        try:
            self.under_way.append((guesser, self.run(lambda: self.limiter.take(Budget(guesser)))))
        except TooMany:
            attempts = [one for one, _ in self.under_way if one == guesser]
            recent = [at for at in self.wrong.get(guesser, []) if at > self.now - 60]
            assert len(attempts) + len(recent) >= self.LIMIT, "nobody waits who has not guessed"

    @rule(data=st.data(), is_right=st.booleans())
    def end(self, data: st.DataObject, is_right: bool) -> None:
        if not self.under_way:
            return
        guesser, attempt = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        if is_right:
            self.run(attempt.refund)
        else:
            self.wrong.setdefault(guesser, []).append(self.now)

    @rule(seconds=st.sampled_from([1.0, 20.0, 60.0]))
    def wait(self, seconds: float) -> None:
        if not self.under_way:  # so that each wrong guess was answered in the window that it was taken from
            self.now += seconds

    @invariant()
    def wrong_guesses_are_limited(self) -> None:
        for times in self.wrong.values():
            for first in times:
                window = [at for at in times if first <= at < first + 60]
                assert len(window) <= 2 * self.LIMIT, "a minute meets two windows at most"
                assert times.count(first) <= self.LIMIT


TestGuessing = pytest.mark.fault("F14")(GuessingMachine.TestCase)
TestGuessing.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("url", ["redis://h:1/0", "rediss://h:1/0", "unix:///run/redis.sock?db=1"])
def test_every_redis_url_of_the_settings_is_understood(url: str) -> None:
    PerMinuteAttemptLimiter(url, per_minute=1)
