"""Virtual machines, their consoles, and the hypervisor that runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from application.console_rooms import ConsoleRooms
from application.console_turns import ConsoleTurns
from application.ports.hypervisors import Hypervisor
from application.vm_configs import VmConfigs
from application.vm_machines import VmMachines
from infra.libvirt.choose import choose_hypervisor, vm_images
from infra.libvirt.images import VmImages
from infra.libvirt.observer import VmObserver
from infra.tables.vm_passwords import VmPasswordRows
from infra.video.lazy_consoles import LazyConsoles
from infra.wiring.foundation import BackgroundTask, Foundation, orphan_reports
from projections.subject_changes import HubSubjectChanges


@dataclass(frozen=True)
class VmServices:
    hypervisor: Hypervisor
    machines: VmMachines
    configs: VmConfigs
    consoles: LazyConsoles
    images: VmImages
    console_rooms: ConsoleRooms
    background: Mapping[str, BackgroundTask]

    async def close(self) -> None:
        """Close consoles and the connection to the hypervisor. The machines go on."""
        await self.consoles.close()
        await self.hypervisor.close()


def build_vms(base: Foundation, hypervisor: Hypervisor | None) -> VmServices:
    """`hypervisor` overrides the one of the settings."""
    settings, platform, clock = base.settings, base.platform, base.clock
    passwords = VmPasswordRows(base.pool, base.hashing)
    hypervisor = hypervisor or choose_hypervisor(settings, base.installation_id, base.epoch_id)
    is_allowed = {"custom_cmd": settings.vm_custom_cmd, "tap": settings.vm_tap}
    forbidden = frozenset(kind for kind, allowed in is_allowed.items() if not allowed)
    machines = VmMachines(platform, clock, hypervisor, passwords, forbidden, orphan_reports(base))
    observer = VmObserver(base.database_url, hypervisor, machines, base.queries)
    turns = ConsoleTurns(platform, clock, timedelta(seconds=settings.vm_turn_seconds))
    return VmServices(
        hypervisor=hypervisor,
        machines=machines,
        configs=VmConfigs(platform, clock, uuid4, machines, passwords, base.attempt_limiter, base.quotas),
        consoles=LazyConsoles(hypervisor),
        images=vm_images(settings),
        console_rooms=ConsoleRooms(turns, HubSubjectChanges(base.hub)),
        background={"vm observer": observer.run} if base.works else {},
    )
