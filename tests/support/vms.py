"""Virtual machines for tests: settings, an image and a configuration that boots."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from application.ports.hypervisors import Hypervisor
from infra.libvirt.choose import choose_hypervisor
from infra.settings import Settings
from tests.support.libvirtd import GUEST, Libvirtd
from tests.support.stories.vms import CPU, DISPLAY, DRIVE, document

ONE_CORE = CPU | {"cpu_cores": 1}
DISK = DRIVE | {"drive_image": "guest.img", "drive_format": "raw"}
MEMORY_MB = 192


def images(home: Path) -> Path:
    """A folder with an image of the guest."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(GUEST, home / "guest.img")
    return home


def guest(*devices: dict[str, Any], **fields: Any) -> Any:
    """A configuration that boots it."""
    return document(ONE_CORE, DISK, DISPLAY, *devices, **{"qemu_uuid": str(uuid4()), **fields})


def vm_settings(daemon: Libvirtd, folder: Path) -> dict[str, Any]:
    # Emulated, since a KVM that is there need not work, and the tests are to be the same everywhere.
    return {"libvirt_uri": daemon.uri, "vm_images": str(folder), "vm_memory_mb": MEMORY_MB, "vm_kvm": "off"}


def on(daemon: Libvirtd, folder: Path, installation: UUID | None = None) -> Hypervisor:
    return choose_hypervisor(Settings(**vm_settings(daemon, folder)), installation or uuid4())
