"""The kinds of devices of a virtual machine, and the fields of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, NotRequired, TypedDict

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


class Cpu(TypedDict):
    id: str
    type: Literal["cpu"]
    cpu_model: str
    cpu_features: list[str]
    cpu_cores: int


class Drive(TypedDict):
    id: str
    type: Literal["drive"]
    drive_type: Literal["hdd", "ssd", "cdrom"]
    drive_cache_type: str  # one of CACHES
    drive_use_io_uring: bool
    drive_bus: Literal["ide", "sata", "scsi"]
    drive_image: NotRequired[str]  # below the folder of images; only a cdrom may lack it
    drive_format: NotRequired[str]  # one of FORMATS; not of a cdrom
    drive_bps_limit: NotRequired[str]  # sustained and burst: "1000 1500"
    drive_iops_limit: NotRequired[str]


class Hba(TypedDict):
    id: str
    type: Literal["hba"]
    hba_type: Literal["virtio-scsi", "lsi"]
    hba_add_iothread: NotRequired[bool]  # of virtio-scsi, as the next
    hba_num_queues: NotRequired[int]


class Audio(TypedDict):
    id: str
    type: Literal["audio"]
    audio_type: Literal["hda", "ac97", "sb16"]


class Display(TypedDict):
    id: str
    type: Literal["display"]
    display_type: Literal["vga", "qxl", "cirrus", "mdev"]
    display_vgamem_mb: NotRequired[int]  # not of mdev
    display_mdev_profile: NotRequired[str]  # of mdev


class Network(TypedDict):
    id: str
    type: Literal["network"]
    network_type: Literal["user", "tap"]
    tap_interface_name: NotRequired[str]  # of tap, as the next
    tap_use_vhost: NotRequired[bool]


class NetworkCard(TypedDict):
    id: str
    type: Literal["nic"]
    nic_type: Literal["rtl8139", "pcnet", "e1000", "virtio"]
    nic_mac: str
    nic_netdev: str  # the id of a network


class CustomCommand(TypedDict):
    id: str
    type: Literal["custom_cmd"]
    command_line: str


Device = Cpu | Drive | Hba | Audio | Display | Network | NetworkCard | CustomCommand
RawDevice = Mapping[str, Any]  # JSON that is not validated yet
CACHES = ("default", "none", "writeback", "writethrough", "directsync", "unsafe")
FORMATS = ("raw", "qcow2", "qed", "vdi", "vhdx", "vmdk", "vpc")
MAX_QUEUES, MAX_CORES, MAX_VGAMEM_MB = 256, 255, 256

FIELDS: dict[str, dict[str, Field]] = {
    "cpu": {
        "cpu_model": matching("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "the name of a model, such as host or qemu64"),
        "cpu_features": Field(check_features),
        "cpu_cores": whole_number(1, MAX_CORES),
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
VIDEO_MEMORY = {"display_vgamem_mb": whole_number(1, MAX_VGAMEM_MB)}
# By the field that divides a kind further, and its value: the fields that such a device has besides.
FIELDS_BY_KIND: dict[str, dict[str, dict[str, Field]]] = {
    # A CD drive may have an image: it could never get one later.
    "drive_type": {"hdd": DISK, "ssd": DISK, "cdrom": {"drive_image": replace(IMAGE, needed=False)}},
    "hba_type": {"virtio-scsi": {"hba_add_iothread": BOOLEAN, "hba_num_queues": whole_number(1, MAX_QUEUES)}},
    "display_type": {
        "vga": VIDEO_MEMORY,
        "qxl": VIDEO_MEMORY,
        "cirrus": VIDEO_MEMORY,
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


def first_device_error(device: RawDevice) -> tuple[str, str] | None:
    """The first wrong field and what is wrong with it ("must be …"); None for a valid device."""
    if error := first_field_error(device, {"id": ID, "type": KIND}):
        return error
    fields = {"id": ID, "type": KIND} | FIELDS[device["type"]]
    if error := first_field_error(device, fields):
        return error
    kind_field = "type"
    for field in FIELDS_BY_KIND.keys() & fields.keys():
        fields |= FIELDS_BY_KIND[field].get(device[field], {})
        kind_field = field
    if unknown := sorted(device.keys() - fields.keys()):
        return unknown[0][:50], f"is no field where {kind_field} is {device[kind_field]}"
    return first_field_error(device, fields)


def first_field_error(values: Mapping[str, Any], fields: dict[str, Field]) -> tuple[str, str] | None:
    """The first wrong field of `fields` and what is wrong with it; None if all are valid."""
    for name, field in fields.items():
        if name not in values:
            if field.needed:
                return name, "is needed"
            continue
        try:
            field.check(values[name])
        except ValueError as error:
            return name, str(error)
    return None
