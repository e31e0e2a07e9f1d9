"""Putting virtual machines together from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg_pool import AsyncConnectionPool

from application.console_turns import ConsoleTurns
from application.platform import Platform
from application.ports.clock import Clock
from application.ports.hypervisors import Hypervisor
from application.vm_configs import VmConfigs
from application.vm_machines import VmMachines
from infra.libvirt.choose import hypervisor, images_of
from infra.libvirt.images import VmImages
from infra.libvirt.observer import VmObserver
from infra.settings import Settings
from infra.tables.vm_passwords import VmPasswordRows
from infra.video.lazy_console import LateConsoles
from projections.query import Queries


@dataclass(frozen=True)
class VirtualMachines:
    hypervisor: Hypervisor
    configs: VmConfigs
    consoles: LateConsoles
    images: VmImages
    turns: ConsoleTurns

    async def close(self) -> None:
        """Machines go on."""
        await self.consoles.close()
        await self.hypervisor.close()

    def observer(self, url: str, queries: Queries) -> VmObserver:
        return VmObserver(url, self.hypervisor, self.configs.machines, queries)


def virtual_machines(
    settings: Settings,
    installation: UUID,
    platform: Platform,
    clock: Clock,
    pool: AsyncConnectionPool[Any],
    given: Hypervisor | None,
) -> VirtualMachines:
    """`given` stands in for the hypervisor of the settings."""
    runs = given or hypervisor(settings, installation)
    passwords = VmPasswordRows(pool)
    allowed = {"custom_cmd": settings.vm_custom_cmd, "tap": settings.vm_tap}
    off = frozenset(kind for kind, is_on in allowed.items() if not is_on)
    machines = VmMachines(platform, clock, runs, passwords, off)
    configs = VmConfigs(platform, clock, uuid4, machines, passwords)
    turns = ConsoleTurns(platform, clock, timedelta(seconds=settings.vm_turn_seconds))
    return VirtualMachines(runs, configs, LateConsoles(runs), images_of(settings), turns)
