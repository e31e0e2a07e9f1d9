"""Virtual machines: what runs them, and from what."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.values import Count, Location, Seconds, Text


class VmSettings(BaseSettings):
    """Part of `infra.settings.Settings`."""

    libvirt_uri: Text = Field("qemu:///system", description="the libvirtd that runs virtual machines; of this host")
    vm_images: Location | None = Field(
        None, description="the folder that images of virtual machines are in; none: vms, in home"
    )
    vm_memory_mb: Count = Field(1024, description="memory of a virtual machine that does not say, in MB")
    vm_kvm: Literal["auto", "on", "off"] = Field(
        "auto", description="whether the host's KVM runs virtual machines; auto: where its CPU can"
    )
    vm_custom_cmd: bool = Field(
        True, description="whether administrators may add words to QEMU's command line: custom_cmd"
    )
    vm_tap: bool = Field(True, description="whether they may connect machines to this host's own interfaces: tap")
    vm_turn_seconds: Seconds = Field(60, description="seconds of a turn at a virtual machine, while others wait")
