"""Measures the group writer with many writers at once, beside the library's own recorder, one save after another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from uuid import UUID

from eventsourcing.application import Application

from application.access import Cause
from benchmarks.environment import Environment
from benchmarks.rows import Figure, Row
from benchmarks.stored_workspaces import requested_workspace
from infra.eventlog.event_store import environment
from tests.support.databases import platform_on

WRITERS = (8, 32, 128)


async def run(env: Environment) -> list[Row]:
    seconds = 0.5 if env.quick else 2.0
    with env.database() as database:
        library = Figure(await asyncio.to_thread(measure_library, database, seconds), "/s")
        return [
            Row(
                "recorder",
                f"saves by the group writer, {writers} writers",
                Figure(await measure_groups(database, writers, seconds), "/s"),
                library,
                "the library's recorder, one by one",
            )
            for writers in WRITERS
        ]


def measure_library(database: str, seconds: float) -> float:
    """Saves a second of one aggregate each, with the library's own recorder."""
    library = Application[UUID]({**environment(database), "APPLICATION_RECORDER_TOPIC": ""})
    try:
        saves = 0
        is_running = timer(seconds)
        while is_running():
            library.save(requested_workspace())
            saves += 1
        return saves / seconds
    finally:
        library.close()


async def measure_groups(database: str, writers: int, seconds: float) -> float:
    """The same by many writers at once, each of which waits for a save before the next."""

    async def write(is_running: Callable[[], bool]) -> int:
        saves = 0
        while is_running():
            await platform.commit(Cause(), requested_workspace())
            saves += 1
        return saves

    with platform_on(database) as platform:
        is_running = timer(seconds)
        began = time.perf_counter()
        saves = sum(await asyncio.gather(*(write(is_running) for _ in range(writers))))
        return saves / (time.perf_counter() - began)


def timer(seconds: float) -> Callable[[], bool]:
    """Return a function that is true for so many seconds from now."""
    until = time.perf_counter() + seconds
    return lambda: time.perf_counter() < until
