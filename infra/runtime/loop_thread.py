"""Work on an event loop of its own, in a thread, so that it does not queue behind the main loop's requests.

On a loop that is busy with requests each `await` costs tens of milliseconds, however little it waits for.
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
CANCEL_AGAIN_S = 0.5  # one cancellation may be lost; see infra.runtime.tasks


async def run_in_own_loop(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work` on a loop and in a thread of its own. Cancelling this cancels it, and waits until it has ended."""
    main_loop = asyncio.get_running_loop()
    started: concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]]
    started = concurrent.futures.Future()

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        started.set_result((asyncio.get_running_loop(), task))
        with contextlib.suppress(asyncio.CancelledError):
            await work()

    def run() -> None:
        with asyncio.Runner(loop_factory=type(main_loop)) as runner:
            runner.run(main())

    threads = ThreadPoolExecutor(1, thread_name_prefix="own-loop")
    thread = main_loop.run_in_executor(threads, run)
    threads.shutdown(wait=False)
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        loop, task = started.result()
        while not thread.done():
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(task.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([thread], timeout=CANCEL_AGAIN_S)
        if not thread.cancelled():
            thread.exception()  # marks it as retrieved: the cancellation below is what the caller learns of
        raise


def call_on_loop(call: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Return `call` bound to the loop that runs now: awaited on another loop, it is carried out on this one."""
    loop = asyncio.get_running_loop()

    async def forward(*args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call(*args, **kwargs), loop))

    return forward
