"""Previews of machines: small pictures, made twice a second while they are asked for, however many ask."""

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
PREVIEW_INTERVAL_S = 0.5
IDLE_TIMEOUT_S = 2.0  # without a call, after which no more are made


class Preview:
    """The newest picture of one machine, and the task that renews it."""

    def __init__(self) -> None:
        self.asked_at = time.monotonic()
        self.picture: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None

    def set_picture(self, picture: bytes) -> None:
        """Replace the picture."""
        if self.picture.done():
            self.picture = asyncio.get_running_loop().create_future()
        self.picture.set_result(picture)


class Previews:
    """The previews of all machines."""

    def __init__(self, capture: Callable[[UUID], Awaitable[bytes]]) -> None:
        """`capture` takes a picture of a machine, as PNG. It raises `NotFound` where the machine does not run."""
        self._capture = capture
        self._previews: dict[UUID, Preview] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="previews")

    async def of(self, vm: UUID) -> bytes:
        """The newest picture as PNG; the first caller waits for one. Raises what `capture` raises."""
        preview = self._previews.get(vm)
        if preview is None:
            preview = self._previews[vm] = Preview()
            preview.task = asyncio.create_task(self._renew(vm, preview))
        preview.asked_at = time.monotonic()
        return await asyncio.shield(preview.picture)

    async def _renew(self, vm: UUID, preview: Preview) -> None:
        """Renew a preview until nobody has asked for it for a while."""
        try:
            while (started_at := time.monotonic()) - preview.asked_at < IDLE_TIMEOUT_S:
                preview.set_picture(await self._make(vm))
                await asyncio.sleep(max(0.0, started_at + PREVIEW_INTERVAL_S - time.monotonic()))
        except (NotFound, Unavailable) as error:
            if not preview.picture.done():
                preview.picture.set_exception(error)
        finally:
            preview.picture.cancel()  # callers that still wait end with this task
            if self._previews.get(vm) is preview:
                del self._previews[vm]

    async def _make(self, vm: UUID) -> bytes:
        PICTURES.inc()
        png = await self._capture(vm)
        return await asyncio.get_running_loop().run_in_executor(self._pool, preview_of, png)

    async def close(self) -> None:
        """End all tasks and threads."""
        await end_tasks([preview.task for preview in self._previews.values() if preview.task])
        self._pool.shutdown(wait=False, cancel_futures=True)
