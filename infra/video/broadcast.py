"""The displays of machines as video, encoded once for each machine and quality, however many watch.

All subscribers get the packets of one encoder. A subscriber that is new, has lost packets or does not keep up gets none
until the next keyframe, which is made as soon as one is needed, but not once for each of many.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from av import Packet
from prometheus_client import Counter, Gauge

from application.ports.consoles import Quality
from application.ports.displays import Display
from application.ports.errors import Unavailable
from domain.errors import NotFound
from infra.runtime.tasks import end_tasks
from infra.video.vp8 import TICKS_PER_S, Vp8

log = logging.getLogger(__name__)
ENCODED = Counter("tenure_vm_frames_total", "Pictures of virtual machines encoded as video", ["quality"])
WATCHERS = Gauge("tenure_vm_watchers", "Watchers of virtual machines in this process", ["quality"])
REPEAT_INTERVAL_S = 0.5  # a still picture is sent again: it gets finer, and a lost packet is made good
KEYFRAME_INTERVAL_S = 0.25  # at least, between keyframes that subscribers ask for
MAX_QUEUED_PACKETS = 60  # for one subscriber
ENCODER_THREADS = 2


@dataclass(frozen=True)
class VideoSettings:
    """How the video of a quality is made."""

    bits_per_s: int
    max_width: int | None  # pixels; None: as wide as the display
    frame_interval_s: float


SETTINGS = {
    Quality.FULL: VideoSettings(2_500_000, None, 1 / 15),
    Quality.SMALL: VideoSettings(250_000, 480, 1 / 5),
}


class Subscriber:
    """The packets for one viewer."""

    def __init__(self, request_keyframe: Callable[[], None]) -> None:
        self._request_keyframe = request_keyframe
        self._packets: asyncio.Queue[Packet[Any] | None] = asyncio.Queue(MAX_QUEUED_PACKETS)
        self._needs_keyframe = True

    def offer(self, packet: Packet[Any]) -> None:
        """Queue a packet, unless the viewer could not show it. A full queue is dropped."""
        if self._needs_keyframe and not packet.is_keyframe:
            return
        if self._packets.full():
            self._clear()
            self.recover()
            return
        self._needs_keyframe = False
        self._packets.put_nowait(packet)

    def recover(self) -> None:
        """Start again with a keyframe: the viewer has lost packets."""
        self._needs_keyframe = True
        self._request_keyframe()

    def end(self) -> None:
        """Make `next` raise `NotFound` from now on."""
        self._clear()
        self._packets.put_nowait(None)

    def _clear(self) -> None:
        while not self._packets.empty():
            self._packets.get_nowait()

    async def next(self) -> Packet[Any]:
        """The next packet. `NotFound` when the machine has gone."""
        if (packet := await self._packets.get()) is None:
            self.end()
            raise NotFound("the machine has been switched off")
        return packet


class Broadcast:
    """The video of one machine in one quality, while it has subscribers."""

    def __init__(self, display: Display, quality: Quality, pool: ThreadPoolExecutor) -> None:
        self._display, self._settings, self._pool = display, SETTINGS[quality], pool
        self._vp8 = Vp8(self._settings.bits_per_s, self._settings.max_width)
        self._encoded = ENCODED.labels(quality)
        self.subscribers: set[Subscriber] = set()
        self._keyframe_needed = asyncio.Event()
        self._keyframe_at = 0.0

    def subscribe(self) -> Subscriber:
        """A new subscriber, which soon gets a keyframe."""
        subscriber = Subscriber(self._keyframe_needed.set)
        self.subscribers.add(subscriber)
        self._keyframe_needed.set()
        return subscriber

    async def run(self) -> None:
        """Encode until the machine has gone, with `NotFound`."""
        next_picture: asyncio.Task[bytes] | None = None
        picture = await self._display.next()
        try:
            while True:
                started_at = time.monotonic()
                await self._send(picture)
                await asyncio.sleep(max(0.0, started_at + self._settings.frame_interval_s - time.monotonic()))
                next_picture = next_picture or asyncio.create_task(self._display.next())
                request = asyncio.create_task(self._keyframe_needed.wait())
                tasks = [next_picture, request]
                await asyncio.wait(tasks, timeout=REPEAT_INTERVAL_S, return_when=asyncio.FIRST_COMPLETED)
                request.cancel()
                if next_picture.done():
                    picture, next_picture = next_picture.result(), None
        finally:
            if next_picture:
                next_picture.cancel()
            for subscriber in self.subscribers:
                subscriber.end()

    async def _send(self, picture: bytes) -> None:
        now = time.monotonic()
        keyframe = self._keyframe_needed.is_set() and now - self._keyframe_at >= KEYFRAME_INTERVAL_S
        if keyframe:
            self._keyframe_needed.clear()
            self._keyframe_at = now
        loop, ticks = asyncio.get_running_loop(), int(now * TICKS_PER_S)
        packet = await loop.run_in_executor(self._pool, self._vp8.encode, picture, self._display.size, ticks, keyframe)
        self._encoded.inc()
        if packet is not None:
            for subscriber in tuple(self.subscribers):
                subscriber.offer(packet)


class Broadcasts:
    """The broadcasts of all machines that somebody watches."""

    def __init__(self, watch: Callable[[UUID], AbstractAsyncContextManager[Display]]) -> None:
        """`watch` opens a machine's display. It raises `NotFound` or `Unavailable` where that is impossible."""
        self._watch = watch
        self._pool = ThreadPoolExecutor(ENCODER_THREADS, thread_name_prefix="video")
        self.running: dict[tuple[UUID, Quality], tuple[Broadcast, asyncio.Task[None]]] = {}

    @asynccontextmanager
    async def subscribe(self, vm: UUID, quality: Quality) -> AsyncIterator[Subscriber]:
        """A subscriber of a machine's video. Raises what `watch` raises."""
        broadcast, task = await self._get(vm, quality)
        subscriber = broadcast.subscribe()
        WATCHERS.labels(quality).inc()
        try:
            yield subscriber
        finally:
            WATCHERS.labels(quality).dec()
            broadcast.subscribers.discard(subscriber)
            if not broadcast.subscribers:
                self._forget(vm, quality, broadcast)
                await end_tasks([task])

    async def _get(self, vm: UUID, quality: Quality) -> tuple[Broadcast, asyncio.Task[None]]:
        if (vm, quality) not in self.running:
            started: asyncio.Future[Broadcast] = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._run(vm, quality, started))
            try:
                broadcast = await started
            except BaseException:
                await end_tasks([task])
                raise
            if (vm, quality) in self.running:  # another viewer's broadcast has started meanwhile
                await end_tasks([task])
            else:
                self.running[vm, quality] = (broadcast, task)
        return self.running[vm, quality]

    async def _run(self, vm: UUID, quality: Quality, started: asyncio.Future[Broadcast]) -> None:
        broadcast: Broadcast | None = None
        try:
            async with self._watch(vm) as display:
                broadcast = Broadcast(display, quality, self._pool)
                started.set_result(broadcast)
                await broadcast.run()
        except (NotFound, Unavailable) as error:
            if not started.done():
                started.set_exception(error)
        except Exception as error:
            log.exception("a machine's display is not shown any more", extra={"vm": str(vm)})
            if not started.done():
                started.set_exception(error)
        finally:
            self._forget(vm, quality, broadcast)

    def _forget(self, vm: UUID, quality: Quality, broadcast: Broadcast | None) -> None:
        """Remove this broadcast, but not one that has taken its place."""
        if self.running.get((vm, quality), (None,))[0] is broadcast:
            self.running.pop((vm, quality), None)

    async def close(self) -> None:
        """End all broadcasts and threads."""
        await end_tasks([task for _, task in self.running.values()])
        self._pool.shutdown(wait=False, cancel_futures=True)
