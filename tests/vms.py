"""A virtual machine of the tests' own, as a configuration."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.libvirtd import GUEST


def config(**changes: Any) -> dict[str, Any]:
    """One that boots the guest."""
    devices: list[dict[str, Any]] = [
        {"id": "cpu", "type": "cpu", "cpu_model": "qemu64", "cpu_features": [], "cpu_cores": 1},
        {"id": "screen", "type": "display", "display_type": "vga", "display_vgamem_mb": 16},
        {
            "id": "disk",
            "type": "drive",
            "drive_type": "hdd",
            "drive_bus": "ide",
            "drive_image": str(GUEST),
            "drive_format": "raw",
        },
    ]
    return {
        "id": "guest",
        "name": "A guest",
        "hypervisor": "qemu",
        "autostart": False,
        "private": False,
        "qemu_use_uefi": False,
        "qemu_enable_agent": False,
        "qemu_uuid": str(uuid4()),
        "qemu_machine_type": "pc",
        "qemu_machine_version": "",
        "qemu_devices": devices,
    } | changes


XML = """<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>192</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='{machine}'>hvm</type></os><features><acpi/></features>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{image}'/>
<target dev='hda' bus='ide'/></disk>
<graphics type='vnc'><listen type='none'/></graphics><input type='tablet' bus='usb'/>
<video><model type='vga' vram='16384'/></video></devices></domain>"""


def rendered(config: dict[str, Any], name: str) -> str:
    return XML.format(name=name, uuid=config["qemu_uuid"], machine=config["qemu_machine_type"], image=GUEST)
