"""What keeps a machine from starting, though its configuration was stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from application.orphans import OrphanReports
from application.ports.hypervisors import Hypervisor
from application.ports.passwords import VmPasswords
from application.vm_machines import VmMachines
from domain.errors import Invalid
from tests.support.memory_platform import memory_platform
from tests.support.stories.vms import CUSTOM, document
from tests.support.story import T0


@pytest.mark.fault("F23")
@pytest.mark.parametrize(
    ("line", "switched_off", "says"),
    [
        ("-drive file=/etc/shadow", (), 'device "extra": command_line must not have -drive: it would open files'),
        ("-device virtio-rng-pci", ("custom_cmd",), 'device "extra": custom_cmd is switched off here'),
    ],
)
def test_a_stored_command_line_is_checked_at_every_start(line: str, switched_off: tuple[str, ...], says: str) -> None:
    """0.1 let in whatever did not take the machine away from Tenure."""
    platform = memory_platform()
    nothing: Any = None
    hypervisor, passwords = cast(Hypervisor, nothing), cast(VmPasswords, nothing)
    reports = OrphanReports(platform, lambda: T0, timedelta(days=1))
    machines = VmMachines(platform, lambda: T0, hypervisor, passwords, frozenset(switched_off), reports)
    with pytest.raises(Invalid) as refusal:
        machines.check(document(CUSTOM | {"command_line": line}))
    assert str(refusal.value).startswith(says)
    platform.close()
