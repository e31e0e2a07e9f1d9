"""Which hypervisor there is, and what of this host it is given."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

from application.ports.errors import Unavailable
from application.ports.hypervisors import Hypervisor
from domain.vm.document import Document
from infra.libvirt.domain_xml import domain_xml
from infra.libvirt.hypervisor import LibvirtHypervisor
from infra.libvirt.images import VmImages
from infra.libvirt.unavailable import NoHypervisor
from infra.settings import Settings

CPU = Path("/proc/cpuinfo")
KVM = "/dev/kvm"
VIRTUAL = {"vmx", "svm"}  # what a CPU says that can run machines: Intel's, and AMD's


def hypervisor(settings: Settings, installation: UUID) -> Hypervisor:
    images = images_of(settings)
    kvm = has_kvm() if settings.vm_kvm == "auto" else settings.vm_kvm == "on"

    def render(config: Document, name: str) -> str:
        return domain_xml(config, name, images.path, settings.vm_memory_mb, kvm)

    try:
        return LibvirtHypervisor(settings.libvirt_uri, installation, render)
    except Unavailable as absent:
        return NoHypervisor(str(absent))


def images_of(settings: Settings) -> VmImages:
    return VmImages(settings.vm_images or settings.home / "vms")


def has_kvm() -> bool:
    """Whether machines run on this host's CPU. The device may be there without being of use: the CPU tells."""
    if not os.access(KVM, os.R_OK | os.W_OK):
        return False
    try:
        flags = next((line for line in CPU.read_text().splitlines() if line.startswith("flags")), "")
    except OSError:
        return False
    return bool(VIRTUAL & set(flags.split()))
