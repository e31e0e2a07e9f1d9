"""The displays of machines over VNC: one connection to a machine serves all its viewers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

from prometheus_client import Counter

from application.ports.displays import Act
from domain.errors import NotFound
from infra.runtime.tasks import end_tasks
from infra.video.rfb import READ_BUFFER_BYTES, Rfb

CAPTURES = Counter("tenure_vm_captures_total", "Pictures of virtual machines taken for who watches")
MAX_PICTURES_PER_S = 15
GREETING_TIMEOUT_S = 5.0
BUTTONS = range(1, 8)
MAX_SCROLL_CLICKS = 20
# Bits of RFB's button mask that stand for one click of a wheel: RFC 6143, section 7.5.5, and its extension to sideways.
WHEEL_UP_MASK, WHEEL_DOWN_MASK, WHEEL_LEFT_MASK, WHEEL_RIGHT_MASK = 8, 16, 32, 64
SWITCHED_OFF = "the machine has been switched off"

Connect = Callable[[UUID], Awaitable[socket.socket]]


class SharedDisplay:
    """The display of one machine while it has viewers."""

    def __init__(self, rfb: Rfb) -> None:
        self.rfb = rfb
        self.users = 0
        self.captures = 0
        self.has_ended = False
        self._picture: tuple[bytes, tuple[int, int]] | None = None
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            self.rfb.request_update(whole=True)
            while True:
                await self.rfb.read_update()
                self.captures += 1
                CAPTURES.inc()
                self._picture = None
                self._changed.set()
                self._changed = asyncio.Event()
                await asyncio.sleep(1 / MAX_PICTURES_PER_S)
                self.rfb.request_update()
        except NotFound:
            pass
        finally:
            self.has_ended = True
            self._changed.set()
            self.rfb.close()

    async def wait_after(self, capture: int) -> int:
        """Wait for a later capture than this one, and return its number. `NotFound` when the machine has gone."""
        while self.captures <= capture:
            if self.has_ended:
                raise NotFound(SWITCHED_OFF)
            await self._changed.wait()
        return self.captures

    @property
    def picture(self) -> tuple[bytes, tuple[int, int]]:
        """The newest picture, copied once for all viewers, and its size: the display's own may have changed since."""
        if self._picture is None:
            self._picture = bytes(self.rfb.picture), self.rfb.size
        return self._picture


class VncDisplay:
    """`Display` of one viewer."""

    def __init__(self, shared: SharedDisplay) -> None:
        self._shared = shared
        self._capture = 0  # the number of the last picture that this viewer got
        self._button_mask = 0
        self._position = (0, 0)
        self.size = shared.rfb.size

    async def next(self) -> bytes:
        self._capture = await self._shared.wait_after(self._capture)
        picture, self.size = self._shared.picture
        return picture

    async def act(self, act: Act) -> None:
        if self._shared.has_ended:
            raise NotFound(SWITCHED_OFF)
        if act.x is not None and act.y is not None:
            self._position = (act.x, act.y)
            await self._send_pointer(self._button_mask)
        if act.kind.startswith("key"):
            await self._key(act.kind.removeprefix("key"), act.code)
        elif act.kind.startswith("button") and act.code in BUTTONS:
            await self._button(act.kind.removeprefix("button"), 1 << (act.code - 1))
        elif act.kind == "scroll":
            for delta, less, more in (
                (act.delta_y, WHEEL_UP_MASK, WHEEL_DOWN_MASK),
                (act.delta_x, WHEEL_LEFT_MASK, WHEEL_RIGHT_MASK),
            ):
                for _ in range(min(abs(delta), MAX_SCROLL_CLICKS)):
                    await self._button("press", less if delta < 0 else more)

    async def _key(self, movement: str, keysym: int) -> None:
        if not keysym:
            return
        if movement in ("down", "press"):
            await self._shared.rfb.send_key(keysym, True)
        if movement in ("up", "press"):
            await self._shared.rfb.send_key(keysym, False)

    async def _button(self, movement: str, mask: int) -> None:
        if movement in ("down", "press"):
            await self._send_pointer(self._button_mask | mask)
        if movement in ("up", "press"):
            await self._send_pointer(self._button_mask & ~mask)

    async def _send_pointer(self, button_mask: int) -> None:
        self._button_mask = button_mask
        await self._shared.rfb.send_pointer(button_mask, *self._position)


class VncDisplays:
    """The displays of all machines that have viewers."""

    def __init__(self, connect: Connect) -> None:
        """`connect` opens a connection to a machine's VNC server. It raises `NotFound` where there is none."""
        self._connect = connect
        self._open: dict[UUID, SharedDisplay] = {}
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()  # of machines being connected to

    @property
    def remembered(self) -> int:
        """How many machines this holds something of."""
        return len(self._open) + len(self._locks)

    @asynccontextmanager
    async def watch(self, vm: UUID) -> AsyncIterator[VncDisplay]:
        """A machine's display for one viewer. `NotFound` where the machine has none, or it does not answer."""
        shared = await self._get(vm)
        display = VncDisplay(shared)
        try:
            yield display
        finally:
            shared.users -= 1
            if not shared.users:
                await self._close(vm, shared)

    async def _get(self, vm: UUID) -> SharedDisplay:
        """The machine's display with one more user; the caller takes the user back."""
        async with self._locks.setdefault(vm, asyncio.Lock()):
            shared = self._open.get(vm)
            if shared is None or shared.has_ended:
                shared = self._open[vm] = SharedDisplay(await self._greet(vm))
            shared.users += 1
            return shared

    async def _greet(self, vm: UUID) -> Rfb:
        sock = await self._connect(vm)
        reader, writer = await asyncio.open_unix_connection(sock=sock, limit=READ_BUFFER_BYTES)
        rfb = Rfb(reader, writer)
        try:
            async with asyncio.timeout(GREETING_TIMEOUT_S):
                await rfb.greet()
        except (NotFound, TimeoutError) as error:
            rfb.close()
            raise NotFound("the machine's display does not answer") from error
        return rfb

    async def _close(self, vm: UUID, shared: SharedDisplay) -> None:
        if self._open.get(vm) is shared:
            del self._open[vm]
        await end_tasks([shared.task])

    async def close(self) -> None:
        """Close all connections."""
        for vm, shared in list(self._open.items()):
            await self._close(vm, shared)
