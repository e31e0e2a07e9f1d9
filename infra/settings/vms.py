"""Settings of virtual machines."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.values import Count, Location, Seconds, Text


class VmSettings(BaseSettings):
    """Virtual machines.

    Part of `infra.settings.Settings`.
    """

    libvirt_uri: Text = Field("qemu:///system", description="the libvirtd of this host, which runs virtual machines")
    vm_images: Location | None = Field(
        None, description="the directory of the images of virtual machines; none: vms, in home"
    )
    vm_memory_mb: Count = Field(
        1024, description="megabytes of memory of a virtual machine whose custom_cmd does not set it with -m"
    )
    vm_kvm: Literal["auto", "on", "off"] = Field(
        "auto", description="whether KVM runs virtual machines; auto: where the host's CPU can"
    )
    vm_custom_cmd: bool = Field(
        False, description="whether administrators may add options to QEMU's command line (custom_cmd), out of a list"
    )
    vm_tap: bool = Field(
        True, description="whether administrators may connect machines to network interfaces of this host (tap)"
    )
    vm_turn_seconds: Seconds = Field(
        60, description="seconds of a turn at a virtual machine's console while others wait"
    )
