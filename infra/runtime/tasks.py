"""Ending background tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN = 0.5  # seconds


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel them, and return when all of them have ended; how they ended is for others to ask.

    Once is not enough: up to Python 3.11, `wait_for` forgets that it was cancelled if what it waited for comes at
    the same moment, and psycopg's pool waits by it. A task that then went on would never be told again.
    """
    pending = set(tasks)
    told = False
    while pending:
        for task in pending:
            task.cancel()
        try:
            _, pending = await asyncio.wait(pending, timeout=AGAIN)
        except asyncio.CancelledError:
            told = True  # first they end, then we
    if told:
        raise asyncio.CancelledError
