"""Storing: the group writer with many writers at once, beside the library's own recorder, one save after another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from uuid import UUID

from eventsourcing.application import Application

from application.access import Cause
from benchmarks.place import Place
from benchmarks.rows import Figure, Row
from benchmarks.stored import platform, requested
from infra.eventlog.event_store import environment

WRITERS = (8, 32, 128)


async def run(place: Place) -> list[Row]:
    seconds = 0.5 if place.quick else 2.0
    with place.database() as database:
        library = Figure(await asyncio.to_thread(one_by_one, database, seconds), "/s")
        return [
            Row(
                "recorder",
                f"saves by the group writer, {writers} writers",
                Figure(await in_groups(database, writers, seconds), "/s"),
                library,
                "the library's recorder, one by one",
            )
            for writers in WRITERS
        ]


def one_by_one(database: str, seconds: float) -> float:
    """Saves a second of one aggregate each, by the library as it comes."""
    library = Application[UUID]({**environment(database), "APPLICATION_RECORDER_TOPIC": ""})
    try:
        saves = 0
        going = while_it_lasts(seconds)
        while going():
            library.save(requested())
            saves += 1
        return saves / seconds
    finally:
        library.close()


async def in_groups(database: str, writers: int, seconds: float) -> float:
    """The same by so many at once, each waiting for one before the next."""

    async def write(going: Callable[[], bool]) -> int:
        saves = 0
        while going():
            await store.commit(Cause(), requested())
            saves += 1
        return saves

    with platform(database) as store:
        going = while_it_lasts(seconds)
        began = time.perf_counter()
        saves = sum(await asyncio.gather(*(write(going) for _ in range(writers))))
        return saves / (time.perf_counter() - began)


def while_it_lasts(seconds: float) -> Callable[[], bool]:
    until = time.perf_counter() + seconds
    return lambda: time.perf_counter() < until
