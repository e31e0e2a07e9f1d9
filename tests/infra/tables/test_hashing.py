"""The queue of password hashes: how many run, how many wait, and whose turn is next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from threading import Event

import pytest

from application.ports.errors import Unavailable
from infra.tables.hashing import HashingQueue


class Hashing:
    """A queue with one thread, and slow hashes that end when they may."""

    def __init__(self, max_wait_s: float = 60.0) -> None:
        self.queue = HashingQueue(1, max_waiting=6, max_waiting_per_source=3, max_wait_s=max_wait_s)
        self.order: list[str] = []
        self.may_end = Event()

    def hash(self, source: str) -> str:
        self.order.append(source)
        assert self.may_end.wait(30), "a test lets every hash end"
        return f"hash of {source}"

    async def begin(self, source: str) -> asyncio.Task[str]:
        """Ask for a hash; returns when it runs or waits, or is refused."""
        task = asyncio.create_task(self.queue.run(source, self.hash, source))
        await asyncio.sleep(0)
        return task


@pytest.fixture
async def hashing() -> AsyncIterator[Hashing]:
    hashing = Hashing()
    yield hashing
    hashing.may_end.set()
    hashing.queue.close()


async def test_a_hash_is_returned_and_its_error_raised(hashing: Hashing) -> None:
    hashing.may_end.set()
    assert await hashing.queue.run("alice", hashing.hash, "alice") == "hash of alice"
    with pytest.raises(ZeroDivisionError):
        await hashing.queue.run("alice", lambda: 1 // 0)
    assert await hashing.queue.run("alice", hashing.hash, "alice") == "hash of alice", "the thread is free again"


@pytest.mark.fault("F15")
async def test_beyond_the_bound_of_the_queue_everybody_is_refused_at_once(hashing: Hashing) -> None:
    # given
    tasks = [await hashing.begin(f"source {n}") for n in range(1 + 6)]  # one runs
    # when
    with pytest.raises(Unavailable, match="too many are signing in just now") as refusal:
        await hashing.queue.run("alice", hashing.hash, "alice")
    # then
    assert (refusal.value.retry_after, hashing.queue.waiting) == (1, 6)
    hashing.may_end.set()
    assert await asyncio.gather(*tasks) == [f"hash of source {n}" for n in range(7)]
    assert hashing.queue.waiting == 0


@pytest.mark.fault("F15")
async def test_one_source_does_not_fill_the_queue_by_itself_and_waits_for_its_turn(hashing: Hashing) -> None:
    # given
    flood = [await hashing.begin("flood") for _ in range(20)]
    # when
    alice = await hashing.begin("alice")
    # then
    assert [task.done() for task in flood] == [False] * 4 + [True] * 16
    hashing.may_end.set()
    assert await alice == "hash of alice"
    results = await asyncio.gather(*flood, return_exceptions=True)
    assert [type(result) for result in results] == [str] * 4 + [Unavailable] * 16
    assert hashing.order == ["flood", "flood", "alice", "flood", "flood"], "alice waited for one of each other source"


async def test_who_hangs_up_gives_the_place_to_others(hashing: Hashing) -> None:
    # given
    running, *waiting = [await hashing.begin("flood") for _ in range(4)]
    # when
    for task in (running, waiting[0], waiting[2]):
        task.cancel()
    await asyncio.sleep(0)
    # then
    assert hashing.queue.waiting == 1
    alice = await hashing.begin("alice")
    hashing.may_end.set()
    assert (await waiting[1], await alice) == ("hash of flood", "hash of alice")
    assert hashing.order == ["flood", "flood", "alice"], (
        "a hash that runs cannot be interrupted; one that waits is not begun"
    )
    assert await hashing.queue.run("bob", hashing.hash, "bob") == "hash of bob"


@pytest.mark.fault("F16")
async def test_sources_that_strangers_choose_do_not_fill_the_memory(hashing: Hashing) -> None:
    tasks = [await hashing.begin(f"source {n}") for n in range(1000)]
    assert hashing.queue.waiting == 6
    hashing.may_end.set()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.fault("F15")
async def test_who_does_not_get_a_turn_in_time_is_refused_and_waits_no_longer() -> None:
    hashing = Hashing(max_wait_s=0.0)
    running = await hashing.begin("flood")
    with pytest.raises(Unavailable, match="too many are signing in just now"):
        await hashing.queue.run("alice", hashing.hash, "alice")
    assert hashing.queue.waiting == 0
    hashing.may_end.set()
    assert await running == "hash of flood"
    assert await hashing.queue.run("alice", hashing.hash, "alice") == "hash of alice"
    hashing.queue.close()
