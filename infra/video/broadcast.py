"""The displays of machines as video: for each machine and quality it is made once, however many watch.

The packets of one encoder go to all. Who comes late, has lost some, or does not keep up gets none until the next
picture that can be shown without those before it; that is made as soon as somebody needs one, though not for each of
many anew.
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
from infra.video.vp8 import TICKS, Vp8

log = logging.getLogger(__name__)
ENCODED = Counter("tenure_vm_frames_total", "Pictures of virtual machines encoded as video", ["quality"])
WATCHERS = Gauge("tenure_vm_watchers", "Watchers of virtual machines in this process", ["quality"])
AGAIN = 0.5  # seconds until a picture is sent again that does not change: it gets finer, and mends what was lost
WHOLE = 0.25  # seconds between pictures made for who needs a whole one
BOUND = 60  # packets that wait for one watcher
THREADS = 2


@dataclass(frozen=True)
class Made:
    """How video of a quality is made."""

    bits: int  # a second
    most: int | None  # pixels of its width
    apart: float  # seconds between pictures


HOW = {
    Quality.FULL: Made(2_500_000, None, 1 / 15),
    Quality.SMALL: Made(250_000, 480, 1 / 5),
}


class Subscriber:
    """One watcher, as a broadcast knows them."""

    def __init__(self, wanted: Callable[[], None]) -> None:
        self._wanted = wanted
        self._packets: asyncio.Queue[Packet[Any] | None] = asyncio.Queue(BOUND)
        self._lost = True  # it can show nothing before it gets a whole picture

    def offer(self, packet: Packet[Any]) -> None:
        if self._lost and not packet.is_keyframe:
            return
        if self._packets.full():
            self._empty()
            self.mend()
            return
        self._lost = False
        self._packets.put_nowait(packet)

    def mend(self) -> None:
        """It has lost something."""
        self._lost = True
        self._wanted()

    def over(self) -> None:
        self._empty()
        self._packets.put_nowait(None)

    def _empty(self) -> None:
        while not self._packets.empty():
            self._packets.get_nowait()

    async def next(self) -> Packet[Any]:
        if (packet := await self._packets.get()) is None:
            self.over()
            raise NotFound("the machine has been switched off")
        return packet


class Broadcast:
    """One machine in one quality, while somebody watches."""

    def __init__(self, display: Display, quality: Quality, pool: ThreadPoolExecutor) -> None:
        self._display, self._how, self._pool = display, HOW[quality], pool
        self._vp8, self._encoded = Vp8(self._how.bits, self._how.most), ENCODED.labels(quality)
        self.subscribers: set[Subscriber] = set()
        self._wanted = asyncio.Event()  # a whole picture
        self._whole_at = 0.0

    def take(self) -> Subscriber:
        subscriber = Subscriber(self._wanted.set)
        self.subscribers.add(subscriber)
        self._wanted.set()
        return subscriber

    async def run(self) -> None:
        """Until the machine has gone."""
        coming: asyncio.Task[bytes] | None = None
        picture = await self._display.next()
        try:
            while True:
                began = time.monotonic()
                await self._send(picture)
                await asyncio.sleep(max(0.0, began + self._how.apart - time.monotonic()))
                coming = coming or asyncio.create_task(self._display.next())
                wanted = asyncio.create_task(self._wanted.wait())
                await asyncio.wait([coming, wanted], timeout=AGAIN, return_when=asyncio.FIRST_COMPLETED)
                wanted.cancel()
                if coming.done():
                    picture, coming = coming.result(), None
        finally:
            if coming:
                coming.cancel()
            for subscriber in self.subscribers:
                subscriber.over()

    async def _send(self, picture: bytes) -> None:
        now = time.monotonic()
        whole = self._wanted.is_set() and now - self._whole_at >= WHOLE
        if whole:
            self._wanted.clear()
            self._whole_at = now
        loop, at = asyncio.get_running_loop(), int(now * TICKS)
        packet = await loop.run_in_executor(self._pool, self._vp8.encode, picture, self._display.size, at, whole)
        self._encoded.inc()
        if packet is not None:
            for subscriber in tuple(self.subscribers):
                subscriber.offer(packet)


class Broadcasts:
    def __init__(self, watch: Callable[[UUID], AbstractAsyncContextManager[Display]]) -> None:
        self._watch = watch
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="video")
        self.on: dict[tuple[UUID, Quality], tuple[Broadcast, asyncio.Task[None]]] = {}

    @asynccontextmanager
    async def subscribed(self, vm: UUID, quality: Quality) -> AsyncIterator[Subscriber]:
        broadcast, task = await self._of(vm, quality)
        subscriber = broadcast.take()
        WATCHERS.labels(quality).inc()
        try:
            yield subscriber
        finally:
            WATCHERS.labels(quality).dec()
            broadcast.subscribers.discard(subscriber)
            if not broadcast.subscribers:
                if self.on.get((vm, quality), (None,))[0] is broadcast:
                    del self.on[vm, quality]
                await end_tasks([task])

    async def _of(self, vm: UUID, quality: Quality) -> tuple[Broadcast, asyncio.Task[None]]:
        if (vm, quality) not in self.on:
            began: asyncio.Future[Broadcast] = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._run(vm, quality, began))
            try:
                broadcast = await began
            except BaseException:
                await end_tasks([task])
                raise
            if (vm, quality) in self.on:  # somebody was faster
                await end_tasks([task])
            else:
                self.on[vm, quality] = (broadcast, task)
        return self.on[vm, quality]

    async def _run(self, vm: UUID, quality: Quality, began: asyncio.Future[Broadcast]) -> None:
        broadcast: Broadcast | None = None
        try:
            async with self._watch(vm) as display:
                broadcast = Broadcast(display, quality, self._pool)
                began.set_result(broadcast)
                await broadcast.run()
        except (NotFound, Unavailable) as gone:
            if not began.done():
                began.set_exception(gone)
        except Exception as failed:
            log.exception("a machine's display is not shown any more", extra={"vm": str(vm)})
            if not began.done():
                began.set_exception(failed)
        finally:
            if self.on.get((vm, quality), (None,))[0] is broadcast:
                del self.on[vm, quality]

    async def close(self) -> None:
        await end_tasks([task for _, task in self.on.values()])
        self._pool.shutdown(wait=False, cancel_futures=True)
