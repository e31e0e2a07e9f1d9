"""Being told to stop, by SIGINT or SIGTERM, at any moment: it happens in good order, and leaves nothing running."""

from __future__ import annotations

import asyncio
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

IMPATIENT = 3  # signals; then whatever is going on is interrupted


class Stopping:
    """Remembers, within the block, that a signal came, and cancels the task that is to be cancelled then.

    Python's own way is to raise an exception wherever the program happens to be, such as between the start of a
    database and the line that makes sure of its end.
    """

    def __init__(self) -> None:
        self._times = 0
        self._task: asyncio.Task[Any] | None = None
        self._former: dict[int, Any] = {}

    @property
    def told(self) -> bool:
        return self._times > 0

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():  # others get no signals
            heard = (s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) is not signal.SIG_IGN)
            self._former = {sig: signal.signal(sig, self._hear) for sig in heard}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for sig, handler in self._former.items():
            signal.signal(sig, handler)

    def cancels(self, task: asyncio.Task[Any] | None) -> None:
        """From now on a signal cancels this task; one that came before does so at once."""
        self._task = task
        if task and self.told:
            task.cancel()

    def _hear(self, sig: int, frame: FrameType | None) -> None:
        self._times += 1
        if self._times >= IMPATIENT:
            raise KeyboardInterrupt
        if self._task and self._times == 1:
            # The loop may be asleep, and would not look.
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)
