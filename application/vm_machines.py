"""Running virtual machines: carrying out orders, applying patches to what runs, and recording what happens.

Each machine carries out one order at a time. If another order has come meanwhile, it is carried out next, so the last
one counts whatever the order in which they end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from application.access import Cause
from application.orphans import OrphanReports
from application.platform import MAX_ATTEMPTS, Platform
from application.ports.clock import Clock
from application.ports.errors import EngineRefused, Unavailable
from application.ports.hypervisors import Hypervisor
from application.ports.passwords import VmPasswords
from domain import hypervisor as domain
from domain.errors import Invalid, NotFound
from domain.region import LOCAL
from domain.vm.command_line import parse_command_line
from domain.vm.devices import Device
from domain.vm.document import Document
from domain.vm.vm_config import VmConfig, same_machine
from domain.vm_state import Order, State

FOUND_OFF = "it was found not to run"


@dataclass(frozen=True)
class VmMachines:
    """Commands on running virtual machines."""

    platform: Platform
    clock: Clock
    hypervisor: Hypervisor
    passwords: VmPasswords
    switched_off: frozenset[str]  # among "custom_cmd" and "tap"
    orphans: OrphanReports
    _locks: dict[UUID, asyncio.Lock] = field(default_factory=dict)

    def require(self) -> None:
        """Raises `Unavailable` where no hypervisor is installed."""
        if self.hypervisor.absent:
            raise Unavailable("libvirt", self.hypervisor.absent, retry_after=3600)

    def check(self, document: Document) -> None:
        """Raises `Invalid` for a device of a kind that a setting switches off, or that an older version let in."""
        for device in document["qemu_devices"]:
            if kind := self.switched_off & kinds(device):
                name = f"TENURE_VM_{min(kind).upper()}"
                raise Invalid(f'device "{device["id"]}": {min(kind)} is switched off here, by the setting {name}')
            if device["type"] == "custom_cmd":
                try:
                    parse_command_line(device["command_line"])
                except Invalid as error:
                    raise Invalid(f'device "{device["id"]}": command_line {error}') from None

    # -- commands of processes ------------------------------------------------------

    async def settle(self, id: UUID, cause: Cause) -> None:
        """Carry out the last order."""
        async with self._lock(id):
            while not await self._carry_out(await self.platform.load(VmConfig, id), cause):
                pass
        await self.look(id, cause, FOUND_OFF)  # changes in between were not recorded by the observer

    async def apply(self, id: UUID, cause: Cause) -> None:
        """Apply patches to a running machine, if the request that patched it was cut off before it did."""
        async with self._lock(id):
            await self._apply(id, cause)

    async def apply_now(self, id: UUID, cause: Cause) -> bool:
        """Apply patches to a running machine now. Returns whether they need a restart, as far as known."""
        try:
            async with self._lock(id):
                return await self._apply(id, cause)
        except Unavailable:
            return True  # the process applies it later

    async def revive(self, id: UUID, cause: Cause) -> None:
        """Start a machine with `autostart` that went down by itself."""
        await self.platform.change(cause, VmConfig, id, lambda config: config.autostart(self.clock()))

    # -- reports of the observer -----------------------------------------

    async def look(self, id: UUID, cause: Cause, reason: str) -> None:
        """Compare one machine with the log, and record where they differ.

        If the log changes meanwhile, it looks again: the machine may have been seen before that change.
        """
        for _ in range(MAX_ATTEMPTS):
            before = await self._find(id)
            runs = id in await self.hypervisor.running()
            if before is None:
                if running := await self.hypervisor.inspect(id):
                    await self.orphans.vm(id, running, LOCAL, cause)
                return
            if before.deleted and before.under_way is None:
                if runs:  # it came up after its machine had been deleted
                    await self.hypervisor.ensure_gone(id)
                return
            version, same = before.version, False

            def compare(config: VmConfig, version: int = version, runs: bool = runs) -> None:
                nonlocal same
                if same := config.version == version:
                    config.observe(runs, reason, self.clock())

            await self.platform.change(cause, VmConfig, id, compare)
            if same:
                return

    async def undefined(self, id: UUID, cause: Cause) -> None:
        """Record that somebody undefined a machine. Only of one without an order under way or an error."""
        config = await self._find(id)
        if config and not config.under_way and not config.error:
            await self.platform.change(cause, VmConfig, id, lambda config: config.undefined(self.clock()))

    async def answers(self, answering: bool, cause: Cause) -> None:
        """Record whether the hypervisor answers. While it always has, nothing is recorded."""
        if answering and await self.platform.last_event(domain.Hypervisor.id_of()) is None:
            return
        await self.platform.ensure(
            cause,
            domain.Hypervisor,
            domain.Hypervisor.id_of(),
            lambda id: domain.Hypervisor(id=id, at=self.clock()),
            lambda hypervisor: hypervisor.report(answering, self.clock()),
        )

    # -- helpers -------------------------------------------------------------------

    @asynccontextmanager
    async def _lock(self, id: UUID) -> AsyncIterator[None]:
        lock = self._locks.setdefault(id, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and self._locks.get(id) is lock:
                del self._locks[id]

    async def _carry_out(self, config: VmConfig, cause: Cause) -> bool:
        """Carry out the order under way. Returns whether no other order has come meanwhile."""
        match config.under_way:
            case None:
                return True
            case Order.CLEAR:
                await self.hypervisor.ensure_gone(config.id)
                await self.passwords.forget(config.id)
                await self.platform.change(cause, VmConfig, config.id, lambda config: config.cleared(self.clock()))
                return True
            case Order.STOP:
                await self.hypervisor.ensure_stopped(config.id)
                return await self._report(config, cause, lambda now: now.stopped(config.order, self.clock()))
            case Order.RESTART:
                await self.hypervisor.ensure_stopped(config.id)
        try:
            document = config.at_revision(config.boot_revision)
            self.check(document)
            await self.hypervisor.ensure_running(config.id, document)
        except (EngineRefused, Invalid) as error:
            reason = str(error)
            return await self._report(config, cause, lambda now: now.start_failed(config.order, reason, self.clock()))
        return await self._report(config, cause, lambda now: now.started(config.order, self.clock()))

    async def _report(self, config: VmConfig, cause: Cause, record: Callable[[VmConfig], bool]) -> bool:
        """Record how an order ended. Returns whether it was the last one."""
        was_last = False

        def decide(now: VmConfig) -> None:
            nonlocal was_last
            was_last = record(now)

        await self.platform.change(cause, VmConfig, config.id, decide)
        return was_last

    async def _apply(self, id: UUID, cause: Cause) -> bool:
        """Apply the revisions that a machine does not run on yet. Returns whether they need a restart."""
        needs_restart = False
        for _ in range(MAX_ATTEMPTS):
            config = await self.platform.load(VmConfig, id)
            if config.state != State.RUNNING or config.applied_revision == config.revision:
                return needs_restart or config.state == State.STARTING
            needs_restart = await self._change_live(config)
            booted = config.at_revision(config.booted_revision)
            waits = needs_restart or (config.needs_restart and await self._differs(config, booted))

            def applied(now: VmConfig, revision: int = config.revision, waits: bool = waits) -> bool:
                return now.applied(revision, waits, self.clock())

            if await self._report(config, cause, applied):
                return needs_restart
        return True

    async def _change_live(self, config: VmConfig) -> bool:
        """Change a running machine. Returns whether a part of the change needs a restart."""
        before, booted, after = (
            config.at_revision(config.applied_revision),
            config.at_revision(config.booted_revision),
            config.document,
        )
        if same_machine(before, after):
            return False
        try:
            needs_restart = await self.hypervisor.change(config.id, before, after)
            if needs_restart and config.applied_revision != config.booted_revision:
                # Also where both are the same: a device that was plugged in since may still be there.
                needs_restart = await self.hypervisor.change(config.id, booted, after)
        except EngineRefused:
            return True
        return needs_restart

    async def _differs(self, config: VmConfig, booted: Document) -> bool:
        """Whether a machine that waits for a restart still differs from its configuration."""
        if not same_machine(booted, config.document):
            return True
        try:
            return await self.hypervisor.change(config.id, booted, config.document)
        except EngineRefused:
            return True

    async def _find(self, id: UUID) -> VmConfig | None:
        try:
            return await self.platform.load(VmConfig, id)
        except NotFound:
            return None


def kinds(device: Device) -> set[str]:
    """The kinds of a device that settings can switch off."""
    return {device["type"]} | ({device["network_type"]} if device["type"] == "network" else set())
