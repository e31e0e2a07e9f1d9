"""The devices of a virtual machine: which kinds there are, and what each is told by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from domain.vm.values import (
    BOOLEAN,
    ID,
    IMAGE,
    LIMIT,
    Field,
    check_command_line,
    check_features,
    check_mac,
    matching,
    one_of,
    whole_number,
)

Device = dict[str, Any]
CACHES = ("default", "none", "writeback", "writethrough", "directsync", "unsafe")
FORMATS = ("raw", "qcow2", "qed", "vdi", "vhdx", "vmdk", "vpc")
MOST_QUEUES, MOST_CORES, MOST_VGAMEM = 256, 255, 256  # the last in MB

FIELDS: dict[str, dict[str, Field]] = {
    "cpu": {
        "cpu_model": matching("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "the name of a model, such as host or qemu64"),
        "cpu_features": Field(check_features),
        "cpu_cores": whole_number(1, MOST_CORES),
    },
    "drive": {
        "drive_type": one_of("hdd", "ssd", "cdrom"),
        "drive_cache_type": one_of(*CACHES),
        "drive_use_io_uring": BOOLEAN,
        "drive_bus": one_of("ide", "sata", "scsi"),
        "drive_bps_limit": LIMIT,
        "drive_iops_limit": LIMIT,
    },
    "hba": {"hba_type": one_of("virtio-scsi", "lsi")},
    "audio": {"audio_type": one_of("hda", "ac97", "sb16")},
    "display": {"display_type": one_of("vga", "qxl", "cirrus", "mdev")},
    "network": {"network_type": one_of("user", "tap")},
    "nic": {
        "nic_type": one_of("rtl8139", "pcnet", "e1000", "virtio"),
        "nic_mac": Field(check_mac),
        "nic_netdev": ID,
    },
    "custom_cmd": {"command_line": Field(check_command_line)},
}
DISK = {"drive_image": IMAGE, "drive_format": replace(one_of(*FORMATS), needed=False)}
VGAMEM = {"display_vgamem_mb": whole_number(1, MOST_VGAMEM)}
# By the field that says which kind of its kind a device is: what that kind is told by besides.
FIELDS_BY_KIND: dict[str, dict[str, dict[str, Field]]] = {
    # A tray that nothing could ever be put into would be no use, so a CD may have an image.
    "drive_type": {"hdd": DISK, "ssd": DISK, "cdrom": {"drive_image": replace(IMAGE, needed=False)}},
    "hba_type": {"virtio-scsi": {"hba_add_iothread": BOOLEAN, "hba_num_queues": whole_number(1, MOST_QUEUES)}},
    "display_type": {
        "vga": VGAMEM,
        "qxl": VGAMEM,
        "cirrus": VGAMEM,
        "mdev": {"display_mdev_profile": matching("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "the name of a profile")},
    },
    "network_type": {
        "tap": {
            "tap_interface_name": matching("[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}", "the name of a network interface"),
            "tap_use_vhost": BOOLEAN,
        }
    },
}
KIND = one_of(*FIELDS)


def first_device_error(device: Device) -> tuple[str, str] | None:
    """The first field that is wrong, and what is: "must be …"."""
    if wrong := first_field_error(device, {"id": ID, "type": KIND}):
        return wrong
    known = {"id": ID, "type": KIND} | FIELDS[device["type"]]
    if wrong := first_field_error(device, known):
        return wrong
    kind = "type"
    for field in FIELDS_BY_KIND.keys() & known.keys():
        known |= FIELDS_BY_KIND[field].get(device[field], {})
        kind = field
    unknown = sorted(device.keys() - known.keys())
    return (
        (unknown[0][:50], f"is no field where {kind} is {device[kind]}")
        if unknown
        else first_field_error(device, known)
    )


def first_field_error(values: dict[str, Any], fields: dict[str, Field]) -> tuple[str, str] | None:
    for name, field in fields.items():
        if name not in values:
            if field.needed:
                return name, "is needed"
            continue
        try:
            field.check(values[name])
        except ValueError as wrong:
            return name, str(wrong)
    return None
