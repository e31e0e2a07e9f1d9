"""Ending tasks that do not listen the first time."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from infra.runtime import tasks


async def forgetful(times: int, endings: list[str]) -> None:
    """Goes on after it was cancelled, as one does whose `wait_for` had its answer at the same moment."""
    for _ in range(times):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    try:
        await asyncio.Event().wait()
    finally:
        endings.append("ended")


async def test_a_task_that_misses_that_it_was_cancelled_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "CANCEL_AGAIN_S", 0.01)
    endings: list[str] = []
    started = [asyncio.create_task(forgetful(times, endings)) for times in (0, 1, 2)]
    await asyncio.sleep(0)
    await tasks.end_tasks(started)
    assert endings == ["ended"] * 3


async def test_who_ends_others_and_is_ended_meanwhile_sees_them_end_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "CANCEL_AGAIN_S", 0.01)
    endings: list[str] = []
    started = asyncio.create_task(forgetful(3, endings))
    await asyncio.sleep(0)
    ending = asyncio.create_task(tasks.end_tasks([started]))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert endings == ["ended"]
