"""The displays of machines, each looked at once for all who watch it."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from prometheus_client import Counter

from application.ports.displays import Act
from domain.errors import NotFound
from infra.runtime.tasks import end_tasks
from infra.video.rfb import BUFFER, Rfb

CAPTURED = Counter("tenure_vm_captures_total", "Pictures of virtual machines taken for who watches")
PER_SECOND = 15  # pictures, at most
PATIENCE = 5.0  # seconds for a display to say hello
BUTTONS = range(1, 8)
MOST_SCROLLED = 20
OVER = "the machine has been switched off"

Plugged = Callable[[UUID], Awaitable[socket.socket]]


class Console:
    """The display of one machine, while somebody watches."""

    def __init__(self, rfb: Rfb) -> None:
        self.rfb = rfb
        self.users = 0
        self.captures = 0
        self.gone = False
        self._picture: bytes | None = None
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            self.rfb.ask(whole=True)
            while True:
                await self.rfb.update()
                self.captures += 1
                CAPTURED.inc()
                self._picture = None
                self._changed.set()
                self._changed = asyncio.Event()
                await asyncio.sleep(1 / PER_SECOND)
                self.rfb.ask()
        except NotFound:
            pass
        finally:
            self.gone = True
            self._changed.set()
            self.rfb.close()

    async def after(self, seen: int) -> int:
        """Until there is another picture than that of this number; returns its own."""
        while self.captures <= seen:
            if self.gone:
                raise NotFound(OVER)
            await self._changed.wait()
        return self.captures

    @property
    def picture(self) -> bytes:
        """Made once for all who watch."""
        if self._picture is None:
            self._picture = bytes(self.rfb.picture)
        return self._picture


class Shown:
    """`Display`: one watcher's."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen = 0
        self._buttons = 0
        self._at = (0, 0)
        self.size = console.rfb.size

    async def next(self) -> bytes:
        self._seen = await self._console.after(self._seen)
        self.size = self._console.rfb.size
        return self._console.picture

    async def act(self, it: Act) -> None:
        if self._console.gone:
            raise NotFound(OVER)
        if it.x is not None and it.y is not None:
            self._at = (it.x, it.y)
            await self._pointer(self._buttons)
        if it.kind.startswith("key"):
            await self._key(it.kind.removeprefix("key"), it.code)
        elif it.kind.startswith("button") and it.code in BUTTONS:
            await self._button(it.kind.removeprefix("button"), 1 << (it.code - 1))
        elif it.kind == "scroll":
            for delta, less, more in ((it.delta_y, 8, 16), (it.delta_x, 32, 64)):
                for _ in range(min(abs(delta), MOST_SCROLLED)):
                    await self._button("press", less if delta < 0 else more)

    async def _key(self, how: str, keysym: int) -> None:
        if not keysym:
            return
        if how in ("down", "press"):
            await self._console.rfb.key(keysym, True)
        if how in ("up", "press"):
            await self._console.rfb.key(keysym, False)

    async def _button(self, how: str, button: int) -> None:
        if how in ("down", "press"):
            await self._pointer(self._buttons | button)
        if how in ("up", "press"):
            await self._pointer(self._buttons & ~button)

    async def _pointer(self, buttons: int) -> None:
        self._buttons = buttons
        await self._console.rfb.pointer(buttons, *self._at)


class Consoles:
    def __init__(self, plugged: Plugged) -> None:
        """`plugged` connects to a machine's VNC server. `NotFound` where it has none."""
        self._plugged = plugged
        self._open: dict[UUID, Console] = {}
        self._opening: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def watch(self, vm: UUID) -> AsyncIterator[Shown]:
        console = await self._console(vm)
        shown = Shown(console)
        try:
            yield shown
        finally:
            console.users -= 1
            if not console.users:
                await self._close(vm, console)

    async def _console(self, vm: UUID) -> Console:
        async with self._opening[vm]:
            console = self._open.get(vm)
            if console is None or console.gone:
                console = self._open[vm] = Console(await self._greeted(vm))
            console.users += 1
            return console

    async def _greeted(self, vm: UUID) -> Rfb:
        plug = await self._plugged(vm)
        reader, writer = await asyncio.open_unix_connection(sock=plug, limit=BUFFER)
        rfb = Rfb(reader, writer)
        try:
            async with asyncio.timeout(PATIENCE):
                await rfb.greet()
        except (NotFound, TimeoutError) as silent:
            rfb.close()
            raise NotFound("the machine's display does not answer") from silent
        return rfb

    async def _close(self, vm: UUID, console: Console) -> None:
        if self._open.get(vm) is console:
            del self._open[vm]
        await end_tasks([console.task])

    async def close(self) -> None:
        for vm, console in list(self._open.items()):
            await self._close(vm, console)
