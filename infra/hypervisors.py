"""Which hypervisor there is, and what of this host it is given."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from application.hypervisors import Hypervisor
from application.ports import Impossible, Unavailable
from domain.vm_devices import Device
from domain.vm_document import Document
from infra.domain_xml import domain_xml
from infra.hypervisor_libvirt import LibvirtHypervisor, NoHypervisor
from infra.settings import Settings

CPU = Path("/proc/cpuinfo")
KVM = "/dev/kvm"
VIRTUAL = {"vmx", "svm"}  # what a CPU says that can run machines: Intel's, and AMD's


def hypervisor(settings: Settings, installation: UUID) -> Hypervisor:
    folder = settings.vm_images or settings.home / "vms"
    kvm = has_kvm() if settings.vm_kvm == "auto" else settings.vm_kvm == "on"

    def render(config: Document, name: str) -> str:
        return domain_xml(config, name, image_in(folder), settings.vm_memory_mb, kvm)

    try:
        return LibvirtHypervisor(settings.libvirt_uri, installation, render)
    except Unavailable as absent:
        return NoHypervisor(str(absent))


def image_in(folder: Path) -> Callable[[Device], str]:
    """Where drives' images are. `Impossible` for one that is not there, or leads out of the folder by some link."""
    real = folder.resolve()

    def image(device: Device) -> str:
        path = (real / device["drive_image"]).resolve()
        if not path.is_relative_to(real) or not path.is_file():
            raise Impossible(f'device "{device["id"]}": drive_image: there is no image {device["drive_image"]}')
        return str(path)

    return image


def has_kvm() -> bool:
    """Whether machines run on this host's CPU. The device may be there without being of use: the CPU tells."""
    if not os.access(KVM, os.R_OK | os.W_OK):
        return False
    try:
        flags = next((line for line in CPU.read_text().splitlines() if line.startswith("flags")), "")
    except OSError:
        return False
    return bool(VIRTUAL & set(flags.split()))
