"""`Consoles` that are made at the first call: importing them loads codecs, which takes a second and much memory."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING
from uuid import UUID

from application.ports.consoles import ConsoleViewer, Quality
from application.ports.hypervisors import Hypervisor

if TYPE_CHECKING:
    from infra.video.webrtc_console import WebrtcConsoles


class LazyConsoles:
    """`Consoles`, for a process in which perhaps nobody watches a machine."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor
        self._consoles: WebrtcConsoles | None = None

    def _get(self) -> WebrtcConsoles:
        from infra.video.webrtc_console import WebrtcConsoles

        self._consoles = self._consoles or WebrtcConsoles(self._hypervisor)
        return self._consoles

    async def preview(self, vm: UUID) -> bytes:
        return await self._get().preview(vm)

    async def dummy(self) -> bytes:
        return await self._get().dummy()

    def watch(self, vm: UUID, quality: Quality) -> AbstractAsyncContextManager[ConsoleViewer]:
        return self._get().watch(vm, quality)

    async def close(self) -> None:
        """End every console; machines go on."""
        if self._consoles:
            await self._consoles.close()
