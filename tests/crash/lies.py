"""A world that lies: an engine and a log whose n-th effect comes late, twice, without an answer, or kills the process.

Effects are what Tenure does to the world: what it asks of the engine, and what it stores, by its last event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import TypeVar
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from application.platform import Platform, Writer
from application.ports.errors import Unavailable
from tests.support.fake_engine import Engine
from tests.support.fake_hypervisor import FakeHypervisor

Answer = TypeVar("Answer")


class Lie(Enum):
    SLOW = "it happens late"
    LATE = "it happens, and the answer comes late"
    DEAF = "it does not happen, and it is said that nobody answered"
    LOST = "it happens, and it is said that nobody answered"
    AGAIN = "it happens once more, a little later"
    AT_LAST = "it happens once more when all has been done, and nobody expects it"
    DIES_BEFORE = "the process dies before it happens"
    DIES_AFTER = "the process dies when it has happened, before it hears of it"


# What is tried at every step. Dying before one is dying after the one before it.
EVERYWHERE = (Lie.DIES_AFTER, Lie.LOST)
DELAY_S = 0.03
Moment = int | tuple[str, int]  # the n-th effect of all, or of this kind; from 1 on


class World:
    """What is really there. It outlives the processes that die in it."""

    def __init__(self, plan: Mapping[Moment, Lie]) -> None:
        self._plan = dict(plan)
        self.engine = LyingEngine(self)
        self.hypervisor = LyingHypervisor(self)
        self.effects: list[str] = []
        self.later: set[asyncio.Task[None]] = set()  # what happens once more
        self._over = asyncio.Event()
        self.dead = asyncio.Event()
        self.lied_about: list[str] = []

    def truthful(self) -> None:
        self._plan.clear()
        self._over.set()
        self.engine.refuses = None

    async def effect(self, name: str, do: Callable[[], Awaitable[Answer]], again: bool = False) -> Answer:
        """Let it happen as planned. `again`: whether it can reach the world twice."""
        if self.dead.is_set():
            await asyncio.Event().wait()  # the dead do nothing
        self.effects.append(name)
        nth = (name, self.effects.count(name))
        lie = self._plan.pop(len(self.effects), None) or self._plan.pop(nth, None)
        if lie:
            self.lied_about.append(name)
        if lie is Lie.DIES_BEFORE:
            await self.die()
        if lie is Lie.DEAF:
            raise Unavailable("engine", "nobody answered")
        if lie is Lie.SLOW:
            await asyncio.sleep(DELAY_S)
        answer = await do()
        if lie in (Lie.AGAIN, Lie.AT_LAST) and again:
            self.later.add(asyncio.create_task(self._once_more(do, lie)))
        if lie is Lie.DIES_AFTER:
            await self.die()
        if lie is Lie.LOST:
            raise Unavailable("engine", "nobody answered")
        if lie is Lie.LATE:
            await asyncio.sleep(DELAY_S)
        return answer

    async def die(self) -> None:
        self.dead.set()
        await asyncio.Event().wait()

    async def _once_more(self, do: Callable[[], Awaitable[Answer]], lie: Lie) -> None:
        await (self._over.wait() if lie is Lie.AT_LAST else asyncio.sleep(DELAY_S))
        await asyncio.gather(do(), return_exceptions=True)


class LyingEngine(Engine):
    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def _effect(self, call: str, id: UUID | None, do: Callable[[], Answer]) -> Answer:
        async def happen() -> Answer:
            return do()

        return await self._world.effect(call, happen, again=True)


class LyingHypervisor(FakeHypervisor):
    """What it does is as planned; where it is only looked at, it tells the truth."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def _effect(self, call: str, vm: UUID | None, do: Callable[[], Answer]) -> Answer:
        async def happen() -> Answer:
            return do()

        looks = call in ("ping", "running")
        return await (happen() if looks else self._world.effect(f"vm {call}", happen, again=True))


class LyingWriter:
    """The log's own writer behind the same lies; what it would store twice, the database refuses anyway."""

    def __init__(self, world: World, honest: Writer) -> None:
        self._world, self._honest = world, honest

    async def store(self, events: list[StoredEvent]) -> None:
        last = events[-1].topic.rpartition(":")[2]
        await self._world.effect(f"store {last}", lambda: self._honest.store(events))


@contextmanager
def lying(world: World, platform: Platform) -> Iterator[None]:
    """What the application stores goes through the lies of this world."""
    honest = platform.writer
    platform.writer = LyingWriter(world, honest)
    try:
        yield
    finally:
        platform.writer = honest
