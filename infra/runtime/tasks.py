"""Ending background tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

CANCEL_AGAIN_S = 0.5


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks, and return when all of them have ended. Their results and exceptions stay with them.

    One cancellation is not enough: up to Python 3.11, `wait_for` drops a cancellation that comes at the same moment
    as what it waited for, and psycopg's pool waits by it. Such a task would go on for ever.
    """
    pending = set(tasks)
    was_cancelled = False
    while pending:
        for task in pending:
            task.cancel()
        try:
            _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
        except asyncio.CancelledError:
            was_cancelled = True  # raised once all tasks have ended
    if was_cancelled:
        raise asyncio.CancelledError
