"""`Hypervisor` where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from application.ports.displays import Display
from application.ports.errors import Unavailable
from application.ports.hypervisors import LOST, Fact
from domain.vm.document import Document
from infra.libvirt.connection import PART


class NoHypervisor:
    def __init__(self, why: str) -> None:
        self.absent: str | None = why

    def _away(self) -> Unavailable:
        return Unavailable(PART, str(self.absent), retry_after=3600)

    async def ping(self) -> None:
        raise self._away()

    async def ensure_running(self, vm: UUID, config: Document) -> None:
        raise self._away()

    async def ensure_stopped(self, vm: UUID) -> None:
        raise self._away()

    async def ensure_gone(self, vm: UUID) -> None:
        raise self._away()

    async def change(self, vm: UUID, before: Document, after: Document) -> bool:
        raise self._away()

    async def running(self) -> frozenset[UUID]:
        raise self._away()

    async def facts(self) -> AsyncIterator[Fact]:
        yield Fact(None, LOST)
        await asyncio.Event().wait()

    async def screenshot(self, vm: UUID) -> bytes:
        raise self._away()

    def watch(self, vm: UUID) -> AbstractAsyncContextManager[Display]:
        raise self._away()

    async def close(self) -> None:
        pass
