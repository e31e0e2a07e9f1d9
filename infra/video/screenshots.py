"""Small pictures of machines, made twice a second while somebody looks, and not otherwise, however many look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from prometheus_client import Counter

from application.ports.errors import Unavailable
from domain.errors import NotFound
from infra.runtime.tasks import end_tasks
from infra.video.vp8 import preview_of

PICTURES = Counter("tenure_vm_screenshots_total", "Pictures of virtual machines taken for screenshots")
APART = 0.5  # seconds between pictures
IDLE = 2.0  # seconds without a look, after which no more are made


class Preview:
    """That of one machine, while somebody looks."""

    def __init__(self) -> None:
        self.looked = time.monotonic()
        self.picture: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None

    def show(self, picture: bytes) -> None:
        if self.picture.done():
            self.picture = asyncio.get_running_loop().create_future()
        self.picture.set_result(picture)


class Previews:
    def __init__(self, capture: Callable[[UUID], Awaitable[bytes]]) -> None:
        """`capture` takes a picture of a machine, as PNG. `NotFound` where it does not run."""
        self._capture = capture
        self._kept: dict[UUID, Preview] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="previews")

    async def of(self, vm: UUID) -> bytes:
        """The newest; who looks first waits for it to be made."""
        preview = self._kept.get(vm)
        if preview is None:
            preview = self._kept[vm] = Preview()
            preview.task = asyncio.create_task(self._keep(vm, preview))
        preview.looked = time.monotonic()
        return await asyncio.shield(preview.picture)

    async def _keep(self, vm: UUID, preview: Preview) -> None:
        try:
            while (began := time.monotonic()) - preview.looked < IDLE:
                preview.show(await self._made(vm))
                await asyncio.sleep(max(0.0, began + APART - time.monotonic()))
        except (NotFound, Unavailable) as gone:
            if not preview.picture.done():
                preview.picture.set_exception(gone)
        finally:
            preview.picture.cancel()  # of who waits, where this was cancelled
            if self._kept.get(vm) is preview:
                del self._kept[vm]

    async def _made(self, vm: UUID) -> bytes:
        PICTURES.inc()
        png = await self._capture(vm)
        return await asyncio.get_running_loop().run_in_executor(self._pool, preview_of, png)

    async def close(self) -> None:
        await end_tasks([it.task for it in self._kept.values() if it.task])
        self._pool.shutdown(wait=False, cancel_futures=True)
