"""Which hypervisor there is, and what of this host its machines get."""

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

CPU_INFO = Path("/proc/cpuinfo")
KVM_DEVICE = "/dev/kvm"
VIRTUALIZATION_FLAGS = {"vmx", "svm"}  # of CPUs that can run machines: Intel's, and AMD's


def choose_hypervisor(settings: Settings, installation: UUID, epoch: UUID | None = None) -> Hypervisor:
    """libvirt's hypervisor; one that refuses everything where libvirt's SDK is not installed.

    `epoch` is that of the log in use. None: the installation has only one.
    """
    images = vm_images(settings)
    kvm = has_kvm() if settings.vm_kvm == "auto" else settings.vm_kvm == "on"

    def render(config: Document, name: str) -> str:
        return domain_xml(config, name, images.path, settings.vm_memory_mb, kvm)

    try:
        return LibvirtHypervisor(settings.libvirt_uri, installation, render, epoch)
    except Unavailable as error:
        return NoHypervisor(str(error))


def vm_images(settings: Settings) -> VmImages:
    """The folder of images that the settings name."""
    return VmImages(settings.vm_images or settings.home / "vms")


def has_kvm() -> bool:
    """Whether machines run on this host's CPU. The device alone does not tell: it may be there on a CPU that cannot."""
    if not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return False
    try:
        flags = next((line for line in CPU_INFO.read_text().splitlines() if line.startswith("flags")), "")
    except OSError:
        return False
    return bool(VIRTUALIZATION_FLAGS & set(flags.split()))
