"""A hypervisor in memory. A test can make it slow, unreachable or unwilling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

from application.ports.displays import Display
from application.ports.errors import EngineRefused
from application.ports.hypervisors import CRASHED, FOUND, LOST, STARTED, STOPPED, UNDEFINED, Fact, RunningVm
from domain.errors import NotFound
from domain.vm.document import Document
from tests.support.fake_effects import FakeEffects, Hook, no_hook

LIVE = ("drive_bps_limit", "drive_iops_limit")  # what can be changed while a machine runs


class FakeHypervisor(FakeEffects):
    """The `Hypervisor` port in memory. `on` holds the configuration of each running machine."""

    SERVICE, NAME = "libvirt", "libvirt"

    def __init__(self, before: Hook = no_hook, after: Hook = no_hook) -> None:
        super().__init__(before, after)
        self.on: dict[UUID, Document] = {}
        self.defined: set[UUID] = set()
        self.started = 0  # machines ever switched on
        self.changes: list[tuple[Document, Document]] = []
        self.absent: str | None = None
        self.of_another_log: set[UUID] = set()  # machines that the log in use has not started
        self._ears: list[asyncio.Queue[Fact]] = []

    # -- what a test does to it ----------------------------------------------------

    def crash(self, vm: UUID) -> None:
        """Report that QEMU crashed."""
        if self.on.pop(vm, None) is not None:
            self._tell(Fact(vm, CRASHED))

    def switch_off(self, vm: UUID) -> None:
        if self.on.pop(vm, None) is not None:
            self._tell(Fact(vm, STOPPED))

    def switch_on(self, vm: UUID, document: Document) -> None:
        if vm not in self.on:
            self.on[vm] = document
            self.defined.add(vm)
            self.started += 1
            self._tell(Fact(vm, STARTED))

    def undefine(self, vm: UUID) -> None:
        if vm in self.defined:
            self.defined.discard(vm)
            self._tell(Fact(vm, UNDEFINED))

    def leave(self) -> None:
        self.away = True
        self._tell(Fact(None, LOST))

    def come_back(self) -> None:
        self.away = False
        self._tell(Fact(None, FOUND))

    def _tell(self, fact: Fact) -> None:
        if not self.away or fact.vm is None:
            for ear in self._ears:
                ear.put_nowait(fact)

    # -- what it is asked ------------------------------------------------------------

    async def ping(self) -> None:
        await self._effect("ping", None, lambda: None)

    async def ensure_running(self, vm: UUID, config: Document) -> None:
        def run() -> None:
            if self.refuses:
                raise EngineRefused(self.refuses)
            self.switch_on(vm, config)

        await self._effect("ensure_running", vm, run)

    async def ensure_stopped(self, vm: UUID) -> None:
        await self._effect("ensure_stopped", vm, lambda: self.switch_off(vm))

    async def ensure_gone(self, vm: UUID) -> None:
        def go() -> None:
            self.switch_off(vm)
            self.undefine(vm)

        await self._effect("ensure_gone", vm, go)

    async def change(self, vm: UUID, before: Document, after: Document) -> bool:
        def change() -> bool:
            self.changes.append((before, after))
            if vm in self.on:
                self.on[vm] = after
            return bool(fixed(before) != fixed(after))

        return await self._effect("change", vm, change)

    async def running(self) -> frozenset[UUID]:
        return await self._effect("running", None, lambda: frozenset(self.on))

    async def inspect(self, vm: UUID) -> RunningVm | None:
        name = f"tenure-{vm}"
        running = RunningVm(name, f"{vm}/1", is_of_this_log=vm not in self.of_another_log)
        return await self._effect("inspect", vm, lambda: running if vm in self.on else None)

    async def facts(self) -> AsyncIterator[Fact]:
        ear: asyncio.Queue[Fact] = asyncio.Queue()
        self._ears.append(ear)
        try:
            yield Fact(None, LOST if self.away else FOUND)
            while True:
                yield await ear.get()
        finally:
            self._ears.remove(ear)

    async def screenshot(self, vm: UUID) -> bytes:
        raise NotFound("this machine has no display")

    def watch(self, vm: UUID) -> AbstractAsyncContextManager[Display]:
        raise NotFound("this machine has no display")

    async def close(self) -> None:
        """Does nothing: machines run on, so that another Tenure finds them."""


def fixed(document: Document) -> Any:
    """The part of a configuration that cannot change while the machine runs."""
    devices = [{k: v for k, v in device.items() if k not in LIVE} for device in document["qemu_devices"]]
    return {k: v for k, v in document.items() if k not in ("name", "private", "autostart")} | {"qemu_devices": devices}
