"""The tmux watches of this process: that of its own host always, those of workspaces while they are needed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from domain.errors import NotFound
from infra.runtime.tasks import end_tasks
from infra.tmux.hosts import TmuxHost
from infra.tmux.watch import TmuxWatch

log = logging.getLogger(__name__)
IDLE_TIMEOUT_S = 60.0  # a watch that nobody has asked for so long is closed, unless it is kept open
IDLE_CHECK_INTERVAL_S = IDLE_TIMEOUT_S / 10
MAX_CLIENT_STARTS = 1  # of workspaces at a time: starting a client costs the engine more than all that follows


@runtime_checkable
class TerminalEngine(Protocol):
    """An engine whose machines have terminals."""

    def tmux_key(self, workspace_id: str) -> str:
        """The engine's own name of the tmux host of a workspace. Workspaces may share one."""
        ...

    def tmux_host(self, key: str, name: str) -> TmuxHost | None:
        """The tmux host of that key, which gets that name. None: there is no such host, or no tmux."""
        ...


class TmuxHosts(Protocol):
    """The tmux hosts of workspaces, by name."""

    def name_of(self, workspace_id: str, region: str) -> str:
        """The name of the tmux host of a workspace."""
        ...

    async def find(self, name: str) -> TmuxHost | None:
        """The tmux host of that name. None: there is no such host, or no tmux."""
        ...


@dataclass
class OpenWatch:
    """A watch of a workspace's host, and the task that runs it."""

    watch: TmuxWatch
    task: asyncio.Task[None]
    used_at: float  # by the monotonic clock


class TmuxWatchPool:
    """Opens and closes watches. `hosts` None: workspaces have no terminals."""

    def __init__(self, own_host: TmuxWatch, hosts: TmuxHosts | None = None) -> None:
        self.own_host, self.hosts = own_host, hosts
        self._known_hosts: dict[str, TmuxHost] = {own_host.host.name: own_host.host}
        self._open: dict[str, OpenWatch] = {}
        self._keep_open: Collection[str] = ()
        self._listeners: list[Callable[[], None]] = []
        self._start_slots = asyncio.Semaphore(MAX_CLIENT_STARTS)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every change on any host, also on hosts that are watched later."""
        self._listeners.append(listener)
        for watch in (self.own_host, *self.workspace_watches()):
            watch.on_change(listener)

    async def run(self) -> None:
        """Watch the own host, and close idle watches, until cancelled."""
        watching = asyncio.create_task(self.own_host.run())
        try:
            while not watching.done():
                await asyncio.wait([watching], timeout=IDLE_CHECK_INTERVAL_S)
                idle_since = time.monotonic() - IDLE_TIMEOUT_S
                idle = [name for name, entry in self._open.items() if entry.used_at < idle_since]
                await self._close([name for name in idle if name not in self._keep_open])
            watching.result()
        finally:
            await end_tasks([watching, *(entry.task for entry in self._open.values())])

    def workspace_watches(self) -> Iterator[TmuxWatch]:
        """The open watches without that of the own host."""
        return (entry.watch for entry in self._open.values())

    def get(self, name: str) -> TmuxWatch | None:
        """The watch of that host, if it is open."""
        if name == self.own_host.host.name:
            return self.own_host
        return entry.watch if (entry := self._open.get(name)) else None

    async def open(self, name: str) -> TmuxWatch:
        """The watch of that host, opened if need be. `NotFound` if there is no such host."""
        if name == self.own_host.host.name:
            return self.own_host
        host = await self.find_host(name)
        if name not in self._open:
            watch = TmuxWatch(host, self._start_slots)
            for listener in self._listeners:
                watch.on_change(listener)
            self._open[name] = OpenWatch(watch, asyncio.create_task(self._run(watch)), 0.0)
        self._open[name].used_at = time.monotonic()
        return self._open[name].watch

    async def _run(self, watch: TmuxWatch) -> None:
        """Run a watch; a failure in one workspace must not end the others."""
        try:
            await watch.run()
        except Exception:
            log.exception("a workspace's terminal is not watched any more", extra={"tmux_host": watch.host.name})

    async def find_host(self, name: str) -> TmuxHost:
        """The tmux host of that name. `NotFound` if there is none."""
        if name not in self._known_hosts:
            host = await self.hosts.find(name) if self.hosts else None
            if host is None:
                raise NotFound("the session has gone")
            self._known_hosts.setdefault(name, host)
        return self._known_hosts[name]

    async def keep_open(self, names: Collection[str]) -> None:
        """Keep the watches of these hosts open, used or not. Close those that were kept before and are not named."""
        kept_before, self._keep_open = set(self._keep_open), names
        for name in names:
            try:
                await self.open(name)
            except NotFound:
                continue
        await self._close([name for name in kept_before.difference(names)])

    async def _close(self, names: Collection[str]) -> None:
        closed = [self._open.pop(name) for name in names if name in self._open]
        for name in names:
            self._known_hosts.pop(name, None)
        await end_tasks([entry.task for entry in closed])
