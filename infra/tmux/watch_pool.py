"""The watches of this process: of the host's tmux always; of workspaces those that are kept, or were just asked for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from domain.errors import NotFound
from infra.runtime.tasks import end
from infra.tmux.control import Place
from infra.tmux.watch import Watch

log = logging.getLogger(__name__)
IDLE = 60.0  # seconds without a question, after which one is closed that is not kept
AT_ONCE = 1  # clients of workspaces that are started: it costs the engine more than all that follows


@runtime_checkable
class HasTerminals(Protocol):
    """Machines of one engine, with terminals."""

    def place_of(self, workspace_id: str) -> str:
        """What it is called here: workspaces may share one."""
        ...

    def place(self, called: str, name: str) -> Place | None:
        """The one that is called so here, by the name that it then has. None: there is none, or no tmux."""
        ...


class Places(Protocol):
    """Where the terminals of workspaces are. A place goes by its name."""

    def place_of(self, workspace_id: str, region: str) -> str: ...

    async def place(self, name: str) -> Place | None:
        """None: there is no such place, or no tmux."""
        ...


@dataclass
class Opened:
    watch: Watch
    task: asyncio.Task[None]
    used: float


class Watches:
    def __init__(self, host: Watch, places: Places | None = None) -> None:
        self.host, self.places = host, places
        self._known: dict[str, Place] = {host.place.name: host.place}
        self._opened: dict[str, Opened] = {}
        self._kept: Collection[str] = ()
        self._ears: list[Callable[[], None]] = []
        self._gate = asyncio.Semaphore(AT_ONCE)

    def on_change(self, ear: Callable[[], None]) -> None:
        self._ears.append(ear)
        for watch in (self.host, *self.workspaces()):
            watch.on_change(ear)

    async def run(self) -> None:
        """Until cancelled."""
        watching = asyncio.create_task(self.host.run())
        try:
            while not watching.done():
                await asyncio.wait([watching], timeout=IDLE / 10)
                idle = [name for name, it in self._opened.items() if it.used < time.monotonic() - IDLE]
                await self._close([name for name in idle if name not in self._kept])
            watching.result()
        finally:
            await end([watching, *(it.task for it in self._opened.values())])

    def workspaces(self) -> Iterator[Watch]:
        """Those that are open, without the host's."""
        return (it.watch for it in self._opened.values())

    def get(self, name: str) -> Watch | None:
        """The one of this place, if it is open."""
        return self.host if name == self.host.place.name else it.watch if (it := self._opened.get(name)) else None

    async def of(self, name: str) -> Watch:
        """The one of this place, opened if need be. Raises `NotFound`."""
        if name == self.host.place.name:
            return self.host
        place = await self.place(name)
        if name not in self._opened:
            watch = Watch(place, self._gate)
            for ear in self._ears:
                watch.on_change(ear)
            self._opened[name] = Opened(watch, asyncio.create_task(self._run(watch)), 0.0)
        self._opened[name].used = time.monotonic()
        return self._opened[name].watch

    async def _run(self, watch: Watch) -> None:
        """What goes wrong in one workspace is nobody else's trouble."""
        try:
            await watch.run()
        except Exception:
            log.exception("a workspace's terminal is not watched any more", extra={"place": watch.place.name})

    async def place(self, name: str) -> Place:
        """Raises `NotFound`."""
        if name not in self._known:
            place = await self.places.place(name) if self.places else None
            if place is None:
                raise NotFound("the session has gone")
            self._known.setdefault(name, place)
        return self._known[name]

    async def keep(self, names: Collection[str]) -> None:
        """Have these open, whether or not somebody asks; let go of those that were and are not among them."""
        before, self._kept = set(self._kept), names
        for name in names:
            try:
                await self.of(name)
            except NotFound:
                continue
        await self._close([name for name in before.difference(names)])

    async def _close(self, names: Collection[str]) -> None:
        closed = [self._opened.pop(name) for name in names if name in self._opened]
        for name in names:
            self._known.pop(name, None)
        await end([it.task for it in closed])
