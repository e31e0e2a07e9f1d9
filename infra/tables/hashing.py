"""The queue of password hashes. Each takes 64 MiB and a whole core for a while, so few may run, and few may wait."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from application.ports.errors import Unavailable

THREADS = os.cpu_count() or 1
MAX_WAITING = 8 * THREADS  # a hash takes some 0.1 s of a core: nobody waits for a second
MAX_WAITING_PER_SOURCE = MAX_WAITING // 2  # one address must not fill the queue by itself
MAX_WAIT_S = 10.0  # on a machine that is busy with other work, where a hash takes much longer
RETRY_AFTER_S = 1
BUSY_MESSAGE = "too many are signing in just now; try again in a second"

Result = TypeVar("Result")


class HashingQueue:
    """Runs slow hash functions in threads of its own. Sources take turns: each waits for one hash of every other."""

    def __init__(
        self,
        threads: int = THREADS,
        max_waiting: int = MAX_WAITING,
        max_waiting_per_source: int = MAX_WAITING_PER_SOURCE,
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        self.max_wait_s = max_wait_s
        self._threads, self._max_waiting, self._max_waiting_per_source = threads, max_waiting, max_waiting_per_source
        # Threads of their own: a flood of logins must not block the threads that everything else uses.
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._running = 0
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()  # by source, the next one first

    @property
    def waiting(self) -> int:
        """How many hashes wait for a thread."""
        return sum(map(len, self._waiting.values()))

    async def run(self, source: str, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run the function in a thread when it is the turn of `source`.

        Raises `Unavailable` if too many wait, or the turn does not come in time. What the function raises is raised.
        """
        await self._take_thread(source)
        try:
            hashing = asyncio.get_running_loop().run_in_executor(self._executor, partial(function, *arguments))
        except BaseException:
            self._pass_on()
            raise
        # Not when the caller ends: a thread goes on hashing for a caller that was cancelled.
        hashing.add_done_callback(lambda _: self._pass_on())
        return await asyncio.shield(hashing)

    async def _take_thread(self, source: str) -> None:
        if self._running < self._threads:
            self._running += 1
            return
        if self.waiting >= self._max_waiting or len(self._waiting.get(source, ())) >= self._max_waiting_per_source:
            raise Unavailable("passwords", BUSY_MESSAGE, RETRY_AFTER_S)
        try:
            async with asyncio.timeout(self.max_wait_s):
                await self._wait_for_turn(source)
        except TimeoutError:
            raise Unavailable("passwords", BUSY_MESSAGE, RETRY_AFTER_S) from None

    async def _wait_for_turn(self, source: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(source, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()  # the thread was this caller's already
            else:
                self._leave(source, turn)
            raise

    def _leave(self, source: str, turn: asyncio.Future[None]) -> None:
        turns = self._waiting.get(source)
        if turns and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._waiting[source]

    def _pass_on(self) -> None:
        """Give the thread that is free now to the next source."""
        while self._waiting:
            source, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[source] = turns  # behind all others
            if not turn.done():
                turn.set_result(None)
                return
        self._running -= 1

    def close(self) -> None:
        """End the threads once their hashes are made."""
        self._executor.shutdown(wait=False, cancel_futures=True)
