"""The stories of virtual machines, and the configurations that they begin with."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from domain.unique_name import VmId
from domain.vm.vm_config import VmConfig
from tests.support.stories.workspaces import SNAPSHOT
from tests.support.story import SUBJECT, T0, Story

PASSWORD = UUID("00000000-0000-4000-8000-0000000000d1")
SECOND = timedelta(seconds=1)

CPU: dict[str, Any] = {"id": "cpu", "type": "cpu", "cpu_model": "qemu64", "cpu_features": [], "cpu_cores": 2}
DRIVE: dict[str, Any] = {"id": "disk", "type": "drive", "drive_type": "hdd", "drive_cache_type": "writeback"}
DRIVE |= {"drive_use_io_uring": False, "drive_bus": "ide", "drive_image": "disk.qcow2"}
CDROM = {key: value for key, value in DRIVE.items() if key != "drive_image"} | {"id": "cd", "drive_type": "cdrom"}
HBA: dict[str, Any] = {"id": "hba", "type": "hba", "hba_type": "virtio-scsi"}
HBA |= {"hba_add_iothread": True, "hba_num_queues": 2}
LSI: dict[str, Any] = {"id": "lsi", "type": "hba", "hba_type": "lsi"}
AUDIO: dict[str, Any] = {"id": "audio", "type": "audio", "audio_type": "hda"}
DISPLAY: dict[str, Any] = {"id": "display", "type": "display", "display_type": "vga", "display_vgamem_mb": 16}
MDEV: dict[str, Any] = {"id": "gpu", "type": "display", "display_type": "mdev"}
MDEV |= {"display_mdev_profile": "i915-GVTg_V5_4"}
NETWORK: dict[str, Any] = {"id": "net", "type": "network", "network_type": "user"}
TAP: dict[str, Any] = {"id": "tap", "type": "network", "network_type": "tap"}
TAP |= {"tap_interface_name": "tap0", "tap_use_vhost": True}
NIC: dict[str, Any] = {"id": "nic", "type": "nic", "nic_type": "e1000"}
NIC |= {"nic_mac": "52:54:00:12:34:56", "nic_netdev": "net"}
CUSTOM: dict[str, Any] = {"id": "extra", "type": "custom_cmd", "command_line": "-m 256 -device virtio-rng-pci"}


def document(*devices: dict[str, Any], **fields: Any) -> Any:
    """A configuration with these devices; what is not said is as it often is."""
    return {
        "id": "lab",
        "name": "Lab",
        "hypervisor": "qemu",
        "autostart": False,
        "private": False,
        "qemu_use_uefi": False,
        "qemu_enable_agent": False,
        "qemu_uuid": "6b8f4f4e-5d4f-4c36-9b5e-3f3f5f0c8a01",
        "qemu_machine_type": "pc",
        "qemu_machine_version": "",
        "qemu_devices": list(devices),
        **fields,
    }


PLAIN = document(CPU, DRIVE, DISPLAY, NETWORK, NIC)
AUTO = document(CPU, DISPLAY, autostart=True)
MORE_CORES = document(CPU | {"cpu_cores": 4}, DRIVE, DISPLAY, NETWORK, NIC)

not_yet = Story(VmConfig)
created = not_yet.given(VmConfig.Created, document=PLAIN)
start_asked = created.given(VmConfig.StartRequested)
running = start_asked.given(VmConfig.Started, revision=1, behind=False)
stop_asked = running.given(VmConfig.StopRequested)
stopped = stop_asked.given(VmConfig.Stopped)
restart_asked = running.given(VmConfig.RestartRequested)
restarted = restart_asked.given(VmConfig.Started, revision=1, behind=False)
not_started = start_asked.given(VmConfig.StartFailed, reason="no such image", again_at=None)
dead = running.given(VmConfig.Died, reason="it was killed", again_at=None)
patched_at_rest = created.given(VmConfig.Patched, document=MORE_CORES, live=False)
patched = running.given(VmConfig.Patched, document=MORE_CORES, live=True)
applied = patched.given(VmConfig.Applied, revision=2, needs_restart=True)
locked = created.given(VmConfig.PasswordSet, password_id=PASSWORD)
unlocked = locked.given(VmConfig.PasswordRemoved)
undefined = running.given(VmConfig.Undefined)
removed = running.given(VmConfig.Deleted)
cleared = removed.given(VmConfig.Cleared)

auto = not_yet.given(VmConfig.Created, document=AUTO).given(VmConfig.StartRequested)
auto_up = auto.given(VmConfig.Started, revision=1, behind=False)
auto_dead = auto_up.given(VmConfig.Died, reason="it was killed", again_at=T0 + SECOND)
auto_back = auto_dead.given(VmConfig.StartRequested, at=T0 + SECOND)

no_id = Story(VmId)
taken_id = no_id.given(VmId.Taken, vm_id=SUBJECT)
freed_id = taken_id.given(VmId.Freed)
retaken_id = freed_id.given(VmId.TakenAgain, vm_id=SNAPSHOT)
