"""Work on an event loop of its own, in a thread: it does not take turns with everything that the main loop does.

On a loop that is busy with requests each `await` costs a turn of tens of milliseconds, however little it waits for.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
AGAIN = 0.5  # seconds, after which it is cancelled once more (see infra.runtime.tasks)


async def apart(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it there. Cancelled when this is, and then this ends when it has."""
    here = asyncio.get_running_loop()
    there: concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]]
    there = concurrent.futures.Future()

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        there.set_result((asyncio.get_running_loop(), task))
        with contextlib.suppress(asyncio.CancelledError):
            await work()

    def run() -> None:
        with asyncio.Runner(loop_factory=type(here)) as runner:
            runner.run(main())

    threads = ThreadPoolExecutor(1, thread_name_prefix="apart")
    running = here.run_in_executor(threads, run)
    threads.shutdown(wait=False)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        loop, task = there.result()
        while not running.done():
            with contextlib.suppress(RuntimeError):  # its loop has ended
                loop.call_soon_threadsafe(task.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running], timeout=AGAIN)
        if not running.cancelled():
            running.exception()  # whatever it was, nobody waits for it any more
        raise


def here(ask: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """The same call, carried out on the event loop that runs now, for those who run on another."""
    loop = asyncio.get_running_loop()

    async def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(ask(*args, **kwargs), loop))

    return asked
