"""Virtual machines in memory whose display shows one colour, and a WebRTC peer that watches one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from aiortc import RTCPeerConnection, RTCSessionDescription
from av import VideoFrame

from application.ports.displays import Act, SessionDescription
from domain.errors import NotFound
from infra.video.vp8 import as_png, frame_of
from tests.support.fake_hypervisor import FakeHypervisor
from tests.support.server import WAIT_TIMEOUT_S

SIZE = (640, 400)
RED, GREEN = bytes((0, 0, 200, 0)), bytes((0, 200, 0, 0))


class Painted(FakeHypervisor):
    """A hypervisor whose machines all show the same colour."""

    def __init__(self) -> None:
        super().__init__()
        self.colour, self.size = RED, SIZE
        self.changed = asyncio.Event()
        self.watched = self.shots = 0
        self.acts: list[Act] = []

    def paint(self, colour: bytes, size: tuple[int, int] = SIZE) -> None:
        self.colour, self.size = colour, size
        self._painted()

    def switch_off(self, vm: UUID) -> None:
        super().switch_off(vm)
        self._painted()

    def _painted(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def lit(self, vm: UUID) -> None:
        if vm not in self.on:
            raise NotFound("this machine does not run")

    async def screenshot(self, vm: UUID) -> bytes:
        self.lit(vm)
        self.shots += 1
        return as_png(frame_of(self.colour * (SIZE[0] * SIZE[1]), SIZE).reformat(format="rgb24"))

    @asynccontextmanager
    async def watch(self, vm: UUID) -> AsyncIterator[PaintedDisplay]:
        self.lit(vm)
        self.watched += 1
        try:
            yield PaintedDisplay(self, vm)
        finally:
            self.watched -= 1


class PaintedDisplay:
    def __init__(self, machines: Painted, vm: UUID) -> None:
        self._machines, self._vm, self._first = machines, vm, True

    @property
    def size(self) -> tuple[int, int]:
        return self._machines.size

    async def next(self) -> bytes:
        if not self._first:
            await self._machines.changed.wait()
        self._machines.lit(self._vm)
        self._first = False
        return self._machines.colour * (self.size[0] * self.size[1])

    async def act(self, act: Act) -> None:
        self._machines.lit(self._vm)
        self._machines.acts.append(act)


class Browser:
    """A WebRTC peer that does what the console page does in a browser."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection()
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.open = asyncio.Event()
        self.track: Any = None
        self.channel: Any = None
        self.peer.on("track", self._see)
        self.peer.on("datachannel", self._take)

    async def answer(self, offer: SessionDescription) -> SessionDescription:
        await self.peer.setRemoteDescription(RTCSessionDescription(offer["sdp"], offer["type"]))
        await self.peer.setLocalDescription(await self.peer.createAnswer())
        return {"type": "answer", "sdp": self.peer.localDescription.sdp}

    def _see(self, track: Any) -> None:
        self.track = track

    def _take(self, channel: Any) -> None:
        self.channel = channel
        channel.on("message", lambda message: self.messages.put_nowait(json.loads(message)))
        self.open.set()

    async def say(self, event: str, **data: Any) -> None:
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            await self.open.wait()
        self.channel.send(json.dumps({"event": event, "data": data}))

    async def hears(self, event: str, **data: Any) -> dict[str, Any]:
        """Wait for a message of this event with this data, and return its data. Other messages are skipped."""
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            while True:
                message = await self.messages.get()
                if message["event"] == event and message["data"].items() >= data.items():
                    message_data: dict[str, Any] = message["data"]
                    return message_data

    async def shows(self, colour: bytes, size: tuple[int, int] = SIZE) -> None:
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            while True:
                frame = await self.track.recv()
                if (frame.width, frame.height) == size and alike(frame, colour):
                    return


def alike(frame: VideoFrame, colour: bytes) -> bool:
    plane = frame.reformat(format="bgr24").planes[0]
    at = plane.line_size * (frame.height // 2) + 3 * (frame.width // 2)
    return all(abs(a - b) < 40 for a, b in zip(bytes(plane)[at : at + 3], colour, strict=False))
