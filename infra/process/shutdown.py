"""Stopping in good order on SIGINT, SIGTERM or SIGHUP, whenever the signal comes, with nothing left running."""

from __future__ import annotations

import asyncio
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

# Without SIGHUP, closing the terminal would leave PostgreSQL running. `nohup` ignores it, and so does Tenure then.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MAX_SIGNALS = 3  # this many interrupt whatever is going on


class StopSignals:
    """Within the block, a signal is remembered, and cancels the task that `cancel_on_signal` was given.

    Python's own handler raises an exception wherever the program happens to be, such as between the start of a
    database and the line that makes sure of its end.
    """

    def __init__(self) -> None:
        self._count = 0
        self._task: asyncio.Task[Any] | None = None
        self._former_handlers: dict[int, Any] = {}

    @property
    def received(self) -> bool:
        return self._count > 0

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            handled = (s for s in STOP_SIGNALS if signal.getsignal(s) is not signal.SIG_IGN)
            self._former_handlers = {sig: signal.signal(sig, self._handle) for sig in handled}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for sig, handler in self._former_handlers.items():
            signal.signal(sig, handler)

    def cancel_on_signal(self, task: asyncio.Task[Any] | None) -> None:
        """Cancel this task at the next signal, or at once if one has come already."""
        self._task = task
        if task and self.received:
            task.cancel()

    def _handle(self, sig: int, frame: FrameType | None) -> None:
        self._count += 1
        if self._count >= MAX_SIGNALS:
            raise KeyboardInterrupt
        if self._task and self._count == 1:
            # A loop that waits for its next event would not notice `cancel` alone.
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)
