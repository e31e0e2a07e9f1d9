"""Machines shown to browsers: taken and encoded once for all, whatever else their watchers do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID, uuid4

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from av import VideoFrame

from application.consoles import Quality
from application.displays import Act
from domain.errors import NotFound
from infra.pictures import as_png, dummy, frame_of
from infra.watchers import AiortcWatcher, VmConsoles
from tests.serving import eventually

SIZE = (640, 400)
RED, GREEN = bytes((0, 0, 200, 0)), bytes((0, 200, 0, 0))


class Painted:
    """A hypervisor with one machine, whose display shows one colour."""

    def __init__(self) -> None:
        self.colour, self.size = RED, SIZE
        self.changed = asyncio.Event()
        self.on = True
        self.watched = self.shots = 0
        self.acts: list[Act] = []

    def paint(self, colour: bytes, size: tuple[int, int] = SIZE) -> None:
        self.colour, self.size = colour, size
        self._tell()

    def off(self) -> None:
        self.on = False
        self._tell()

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def screenshot(self, vm: UUID) -> bytes:
        if not self.on:
            raise NotFound("off")
        self.shots += 1
        return as_png(frame_of(self.colour * (SIZE[0] * SIZE[1]), SIZE).reformat(format="rgb24"))

    @asynccontextmanager
    async def watch(self, vm: UUID) -> AsyncIterator[PaintedDisplay]:
        if not self.on:
            raise NotFound("off")
        self.watched += 1
        try:
            yield PaintedDisplay(self)
        finally:
            self.watched -= 1


class PaintedDisplay:
    def __init__(self, machine: Painted) -> None:
        self._machine, self._first = machine, True

    @property
    def size(self) -> tuple[int, int]:
        return self._machine.size

    async def next(self) -> bytes:
        if not self._first:
            await self._machine.changed.wait()
        if not self._machine.on:
            raise NotFound("off")
        self._first = False
        return self._machine.colour * (self.size[0] * self.size[1])

    async def act(self, it: Act) -> None:
        self._machine.acts.append(it)


@pytest.fixture
def machine() -> Painted:
    return Painted()


@pytest.fixture
async def consoles(machine: Painted) -> AsyncIterator[VmConsoles]:
    it = VmConsoles(machine)  # type: ignore[arg-type]
    yield it
    await it.close()
    assert machine.watched == 0


class Browser:
    """What a browser does, without one."""

    def __init__(self, watcher: AiortcWatcher) -> None:
        self.watcher, self.peer = watcher, RTCPeerConnection()
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.open = asyncio.Event()

    async def come(self) -> None:
        offer = await self.watcher.offer()
        tracks: list[object] = []
        self.peer.on("track", tracks.append)
        self.peer.on("datachannel", self._take)
        await self.peer.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        await self.peer.setLocalDescription(await self.peer.createAnswer())
        await self.watcher.answered({"type": "answer", "sdp": self.peer.localDescription.sdp})
        (self.track,) = tracks

    def _take(self, channel: object) -> None:
        self.channel = channel
        channel.on("message", self.heard.put_nowait)  # type: ignore[attr-defined]
        self.open.set()

    async def shows(self, colour: bytes, size: tuple[int, int] = SIZE) -> None:
        async with asyncio.timeout(20):
            while True:
                frame = await self.track.recv()  # type: ignore[attr-defined]
                if (frame.width, frame.height) == size and alike(frame, colour):
                    return


def alike(frame: VideoFrame, colour: bytes) -> bool:
    plane = frame.reformat(format="bgr24").planes[0]
    at = plane.line_size * (frame.height // 2) + 3 * (frame.width // 2)
    return all(abs(a - b) < 40 for a, b in zip(bytes(plane)[at : at + 3], colour, strict=False))


@asynccontextmanager
async def browser(consoles: VmConsoles, vm: UUID, quality: Quality = Quality.FULL) -> AsyncIterator[Browser]:
    async with consoles.watch(vm, quality) as watcher:
        it = Browser(watcher)
        await it.come()
        try:
            yield it
        finally:
            await it.peer.close()


async def test_many_watch_what_is_taken_and_encoded_once(machine: Painted, consoles: VmConsoles) -> None:
    vm = uuid4()
    async with AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(browser(consoles, vm)) for _ in range(5)]
        await asyncio.gather(*(it.shows(RED) for it in browsers))
        machine.paint(GREEN)
        await asyncio.gather(*(it.shows(GREEN) for it in browsers))
        ((broadcast, _),) = consoles.broadcasts.on.values()
        assert len(broadcast.seats) == 5
    assert not consoles.broadcasts.on


async def test_a_quality_is_chosen_and_changed_while_it_is_watched(machine: Painted, consoles: VmConsoles) -> None:
    vm = uuid4()
    async with browser(consoles, vm, Quality.SMALL) as small, browser(consoles, vm) as full:
        await asyncio.gather(small.shows(RED, (480, 300)), full.shows(RED))
        assert len(consoles.broadcasts.on) == 2
        await small.watcher.choose(Quality.FULL)
        machine.paint(GREEN)
        await asyncio.gather(small.shows(GREEN), full.shows(GREEN))
        assert len(consoles.broadcasts.on) == 1


async def test_a_display_of_another_size_is_shown_as_it_is(machine: Painted, consoles: VmConsoles) -> None:
    async with browser(consoles, uuid4()) as it:
        await it.shows(RED)
        machine.paint(GREEN, (321, 243))
        await it.shows(GREEN, (321, 243))


async def test_messages_go_both_ways_and_what_is_held_down_is_let_go(machine: Painted, consoles: VmConsoles) -> None:
    async with browser(consoles, uuid4()) as it:
        await asyncio.wait_for(it.open.wait(), 20)
        it.channel.send(json.dumps({"hello": 1}))  # type: ignore[attr-defined]
        assert await asyncio.wait_for(it.watcher.heard(), 20) == '{"hello": 1}'
        it.watcher.say("welcome")
        assert await asyncio.wait_for(it.heard.get(), 20) == "welcome"
        for act in (Act("keydown", code=65), Act("keydown", code=66), Act("keyup", code=66), Act("buttondown", code=1)):
            await it.watcher.act(act)
    assert {(act.kind, act.code) for act in machine.acts[4:]} == {("keyup", 65), ("buttonup", 1)}


async def test_it_ends_with_the_machine_and_with_the_browser(machine: Painted, consoles: VmConsoles) -> None:
    vm = uuid4()
    async with browser(consoles, vm) as leaving:
        await leaving.shows(RED)
        async with browser(consoles, vm) as it:
            await it.shows(RED)
            await leaving.peer.close()
            with pytest.raises(NotFound):
                await asyncio.wait_for(leaving.watcher.heard(), 60)
            machine.off()
            with pytest.raises(NotFound):
                await asyncio.wait_for(it.watcher.heard(), 20)
    with pytest.raises(NotFound):
        async with consoles.watch(vm, Quality.FULL):
            pass


async def test_a_preview_is_made_twice_a_second_while_somebody_looks(machine: Painted, consoles: VmConsoles) -> None:
    vm = uuid4()
    pictures = await asyncio.gather(*(consoles.preview(vm) for _ in range(500)))
    assert len(set(pictures)) == 1 and machine.shots == 1
    frame = width_of(pictures[0])
    assert frame == 400
    machine.paint(GREEN)

    async def newer() -> bool:
        return await consoles.preview(vm) != pictures[0]

    await eventually(newer)
    assert machine.shots < 5  # for some hundred looks
    await eventually(lambda: asyncio.sleep(0, not consoles.previews._kept))  # nobody looks any more
    shots = machine.shots
    await consoles.preview(vm)
    assert machine.shots == shots + 1
    machine.off()

    async def gone() -> bool:
        try:
            await consoles.preview(vm)
        except NotFound:
            return True
        return False

    await eventually(gone)
    assert width_of(dummy()) == 320


def width_of(png: bytes) -> int:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(png[16:20], "big")
