"""What virtual machines do: orders are carried out, patches reach what runs, and what happens is written down.

Orders are carried out one at a time for each machine. Whoever finds, when it is done, that another order has come
meanwhile, carries out that one too; so whatever the order in which they end, the last one counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from application.access import Cause
from application.platform import TRIES, Platform
from application.ports.clock import Clock
from application.ports.errors import EngineRefused, Unavailable
from application.ports.hypervisors import Hypervisor
from application.ports.passwords import VmPasswords
from domain import hypervisor as domain
from domain.errors import Invalid, NotFound
from domain.vm.devices import Device
from domain.vm.document import Document
from domain.vm_config import VmConfig, same_machine
from domain.vm_state import Order, State

FOUND_OFF = "it was found not to run"


@dataclass(frozen=True)
class VmMachines:
    platform: Platform
    clock: Clock
    hypervisor: Hypervisor
    passwords: VmPasswords
    switched_off: frozenset[str]  # among "custom_cmd" and "tap"
    _turns: dict[UUID, asyncio.Lock] = field(default_factory=dict)

    def require(self) -> None:
        """`Unavailable` where there is nothing that runs machines, and will not be by waiting."""
        if self.hypervisor.absent:
            raise Unavailable("libvirt", self.hypervisor.absent, retry_after=3600)

    def check(self, document: Document) -> None:
        """`Invalid` for a device of a kind that is switched off here."""
        for device in document["qemu_devices"]:
            if kind := self.switched_off & kinds(device):
                name = f"TENURE_VM_{min(kind).upper()}"
                raise Invalid(f'device "{device["id"]}": {min(kind)} is switched off here, by the setting {name}')

    # -- asked by the process ------------------------------------------------------

    async def settle(self, id: UUID, cause: Cause) -> None:
        """Carry out what was ordered last."""
        async with self._turn(id):
            while not await self._obeyed(await self.platform.load(VmConfig, id), cause):
                pass
        await self.look(id, cause, FOUND_OFF)  # what happened in between was left to the order to tell

    async def apply(self, id: UUID, cause: Cause) -> None:
        """Tell a machine that runs what was patched, where whoever patched it did not come to do so."""
        async with self._turn(id):
            await self._apply(id, cause)

    async def apply_now(self, id: UUID, cause: Cause) -> bool:
        """The same. Returns whether it takes a restart, as far as that is known."""
        try:
            async with self._turn(id):
                return await self._apply(id, cause)
        except Unavailable:
            return True  # it is told when it can be

    async def revive(self, id: UUID, cause: Cause) -> None:
        await self.platform.change(cause, VmConfig, id, lambda it: it.autostart(self.clock()))

    # -- asked by who watches the hypervisor -----------------------------------------

    async def look(self, id: UUID, cause: Cause, reason: str) -> None:
        """Look at one machine and at what the log says of it, and record where they differ.

        If the log changes meanwhile, what was seen may be from before that: so it looks again.
        """
        for _ in range(TRIES):
            before = await self._there(id)
            runs = id in await self.hypervisor.running()
            if before is None or (before.deleted and before.under_way is None):
                if runs:  # nobody's: it came up when its machine had been deleted
                    await self.hypervisor.ensure_gone(id)
                return
            version, same = before.version, False

            def compare(it: VmConfig, version: int = version, runs: bool = runs) -> None:
                nonlocal same
                if same := it.version == version:
                    it.found(runs, reason, self.clock())

            await self.platform.change(cause, VmConfig, id, compare)
            if same:
                return

    async def undefined(self, id: UUID, cause: Cause) -> None:
        """It was forgotten. That is news only of a machine that rests, or runs, as we left it."""
        it = await self._there(id)
        if it and not it.under_way and not it.error:
            await self.platform.change(cause, VmConfig, id, lambda it: it.undefined(self.clock()))

    async def answers(self, yes: bool, cause: Cause) -> None:
        """Whether the hypervisor does. That it always has is no news."""
        if yes and await self.platform.last_event(domain.Hypervisor.id_of()) is None:
            return
        await self.platform.ensure(
            cause,
            domain.Hypervisor,
            domain.Hypervisor.id_of(),
            lambda id: domain.Hypervisor(id=id, at=self.clock()),
            lambda it: it.told(yes, self.clock()),
        )

    # -- helpers -------------------------------------------------------------------

    @asynccontextmanager
    async def _turn(self, id: UUID) -> AsyncIterator[None]:
        lock = self._turns.setdefault(id, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and self._turns.get(id) is lock:
                del self._turns[id]

    async def _obeyed(self, it: VmConfig, cause: Cause) -> bool:
        """Whether no other order has come meanwhile."""
        match it.under_way:
            case None:
                return True
            case Order.CLEAR:
                await self.hypervisor.ensure_gone(it.id)
                await self.passwords.forget(it.id)
                await self.platform.change(cause, VmConfig, it.id, lambda it: it.cleared(self.clock()))
                return True
            case Order.STOP:
                await self.hypervisor.ensure_stopped(it.id)
                return await self._told(it, cause, lambda now: now.stopped(it.order, self.clock()))
            case Order.RESTART:
                await self.hypervisor.ensure_stopped(it.id)
        try:
            config = it.at_revision(it.to_boot)
            self.check(config)
            await self.hypervisor.ensure_running(it.id, config)
        except (EngineRefused, Invalid) as no:
            why = str(no)
            return await self._told(it, cause, lambda now: now.start_failed(it.order, why, self.clock()))
        return await self._told(it, cause, lambda now: now.started(it.order, self.clock()))

    async def _told(self, it: VmConfig, cause: Cause, tell: Callable[[VmConfig], bool]) -> bool:
        was_last = False

        def decide(now: VmConfig) -> None:
            nonlocal was_last
            was_last = tell(now)

        await self.platform.change(cause, VmConfig, it.id, decide)
        return was_last

    async def _apply(self, id: UUID, cause: Cause) -> bool:
        """Whether the machine takes a restart for what it has not been told yet."""
        needs = False
        for _ in range(TRIES):
            it = await self.platform.load(VmConfig, id)
            if it.state != State.RUNNING or it.told == it.revision:
                return needs or it.state == State.STARTING
            needs = await self._changed(it)
            wants = needs or (it.needs_restart and not same_machine(it.at_revision(it.booted), it.document))

            def applied(now: VmConfig, revision: int = it.revision, wants: bool = wants) -> bool:
                return now.applied(revision, wants, self.clock())

            if await self._told(it, cause, applied):
                return needs
        return True

    async def _changed(self, it: VmConfig) -> bool:
        """Whether something of what is new takes a restart: it could not be changed, nor is as it was at the start."""
        before, booted, after = it.at_revision(it.told), it.at_revision(it.booted), it.document
        if same_machine(before, after):
            return False
        try:
            needs = await self.hypervisor.change(it.id, before, after)
            if needs and it.told != it.booted:
                needs = not same_machine(booted, after) and await self.hypervisor.change(it.id, booted, after)
        except EngineRefused:
            return True
        return needs

    async def _there(self, id: UUID) -> VmConfig | None:
        try:
            return await self.platform.load(VmConfig, id)
        except NotFound:
            return None


def kinds(device: Device) -> set[str]:
    """What of it may be switched off."""
    return {device["type"], str(device.get("network_type"))}
