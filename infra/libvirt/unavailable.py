"""`Hypervisor` where there is none: every call is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from application.ports.displays import Display
from application.ports.errors import Unavailable
from application.ports.hypervisors import LOST, Fact, RunningVm
from domain.vm.document import Document
from infra.libvirt.connection import PART, SDK_RETRY_AFTER_S


class NoHypervisor:
    """Raises `Unavailable` with one sentence from every call."""

    def __init__(self, sentence: str) -> None:
        self.absent: str | None = sentence

    def _unavailable(self) -> Unavailable:
        return Unavailable(PART, str(self.absent), SDK_RETRY_AFTER_S)

    async def ping(self) -> None:
        raise self._unavailable()

    async def inspect(self, vm: UUID) -> RunningVm | None:
        raise self._unavailable()

    async def ensure_running(self, vm: UUID, config: Document) -> None:
        raise self._unavailable()

    async def ensure_stopped(self, vm: UUID) -> None:
        raise self._unavailable()

    async def ensure_gone(self, vm: UUID) -> None:
        raise self._unavailable()

    async def change(self, vm: UUID, before: Document, after: Document) -> bool:
        raise self._unavailable()

    async def running(self) -> frozenset[UUID]:
        raise self._unavailable()

    async def facts(self) -> AsyncIterator[Fact]:
        yield Fact(None, LOST)
        await asyncio.Event().wait()

    async def screenshot(self, vm: UUID) -> bytes:
        raise self._unavailable()

    def watch(self, vm: UUID) -> AbstractAsyncContextManager[Display]:
        raise self._unavailable()

    async def close(self) -> None:
        pass
