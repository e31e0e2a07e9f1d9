"""`Consoles`, made when they are first needed: only who shows a machine waits for codecs to be loaded."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING
from uuid import UUID

from application.ports.consoles import Quality, Watcher
from application.ports.hypervisors import Hypervisor

if TYPE_CHECKING:
    from infra.video.webrtc_console import VmConsoles


class LateConsoles:
    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor
        self._made: VmConsoles | None = None

    @property
    def made(self) -> VmConsoles:
        from infra.video.webrtc_console import VmConsoles

        self._made = self._made or VmConsoles(self._hypervisor)
        return self._made

    async def preview(self, vm: UUID) -> bytes:
        return await self.made.preview(vm)

    async def dummy(self) -> bytes:
        return await self.made.dummy()

    def watch(self, vm: UUID, quality: Quality) -> AbstractAsyncContextManager[Watcher]:
        return self.made.watch(vm, quality)

    async def close(self) -> None:
        if self._made:
            await self._made.close()
