"""The configuration of a virtual machine: a ConfigVMEntry of the Neptuned contract, as JSON values.

It is checked as a whole, since devices refer to one another and to the machine. What is wrong is said with the device
and the field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from domain.errors import Invalid
from domain.vm.devices import Device, first_device_error, first_field_error
from domain.vm.values import BOOLEAN, UUID, Field, check_name, matching, one_of

Document = dict[str, Any]
RESERVED_IDS = ("list", "create")  # ids that are addresses of other things
MOST_DEVICES = 64
MOST_IDE, MOST_LSI = 4, 7  # drives: as many as have a place there
FIELDS: dict[str, Field] = {
    "id": matching(
        "[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}",
        "a word of letters, digits, hyphens, dots and underscores, of at most 64 characters",
    ),
    "name": Field(check_name),
    "hypervisor": one_of("qemu"),
    "autostart": BOOLEAN,
    "private": BOOLEAN,
    "qemu_use_uefi": BOOLEAN,
    "qemu_enable_agent": BOOLEAN,
    "qemu_uuid": UUID,
    "qemu_machine_type": one_of("pc", "q35"),
    "qemu_machine_version": matching(
        r"|[1-9][0-9]?\.[0-9]{1,2}(\.[0-9]{1,2})?", 'a version such as 7.2; or "", for the newest that there is'
    ),
}


def validate_document(document: Document) -> None:
    """Return if a machine could be made from it. `Invalid` otherwise: with the device, the field, and why."""
    if wrong := first_field_error(document, FIELDS):
        raise Invalid(" ".join(wrong))
    if document["id"] in RESERVED_IDS:
        raise Invalid(f"id must not be {document['id']}")
    if unknown := sorted(document.keys() - FIELDS.keys() - {"qemu_devices"}):
        raise Invalid(f"{unknown[0][:50]} is no field of a virtual machine")
    if document["qemu_enable_agent"] and document["qemu_machine_type"] != "q35":
        raise Invalid("qemu_enable_agent must be false where qemu_machine_type is pc: only q35 has a place for it")
    devices = document.get("qemu_devices")
    if not isinstance(devices, list) or not all(isinstance(it, dict) for it in devices):
        raise Invalid("qemu_devices must be a list of devices")
    if len(devices) > MOST_DEVICES:
        raise Invalid(f"qemu_devices has {len(devices)} devices; at most {MOST_DEVICES} are allowed")
    for nth, device in enumerate(devices):
        if wrong := first_device_error(device):
            raise Invalid(f"{device_label(nth, device)}: {' '.join(wrong)}"[:500])
    for rule in RULES:
        for nth, said in rule(document):
            raise Invalid(f"{device_label(nth, devices[nth])}: {said}")


def device_label(nth: int, device: Device) -> str:
    id = device.get("id")
    return f'device "{id[:40]}"' if isinstance(id, str) and id.isprintable() and id else f"device {nth} of qemu_devices"


# -- rules over all devices: each yields which device is wrong, and in what ---------------------------------------

DeviceError = tuple[int, str]


def unique(field: str, of: Callable[[Device], Any], said: str) -> Callable[[Document], Iterator[DeviceError]]:
    """No two devices have the same, where they have one (None: they have not)."""

    def rule(document: Document) -> Iterator[DeviceError]:
        seen: dict[Any, str] = {}
        for nth, device in enumerate(document["qemu_devices"]):
            if (value := of(device)) is not None:
                if value in seen:
                    yield nth, f"{field} {said.format(seen[value])}"
                seen[value] = device["id"]

    return rule


def disk_of(device: Device) -> Any:
    return device["drive_image"] if device.get("drive_type") in ("hdd", "ssd") else None


def of_type(*types: str) -> Callable[[Device], Any]:
    return lambda device: device["type"] if device["type"] in types else None


def references(document: Document) -> Iterator[DeviceError]:
    networks: set[str] = set()
    for nth, device in enumerate(document["qemu_devices"]):
        if device["type"] == "network":
            networks.add(device["id"])
        elif device["type"] == "nic" and device["nic_netdev"] not in networks:
            yield nth, f'nic_netdev must be the id of a network that comes before it; "{device["nic_netdev"]}" is none'


def places(document: Document) -> Iterator[DeviceError]:
    """Each drive has one. Those of bus scsi are on the hba that comes last before them."""
    hba: Device | None = None
    taken = 0
    ide = 0
    for nth, device in enumerate(document["qemu_devices"]):
        if device["type"] == "hba":
            hba, taken = device, 0
        bus = device.get("drive_bus")
        if bus == "scsi":
            taken += 1
            if hba is None:
                yield nth, "drive_bus must not be scsi without an hba that comes before it"
            elif hba["hba_type"] == "lsi" and taken > MOST_LSI:
                yield nth, f'drive_bus must not be scsi: the {MOST_LSI} places on the lsi "{hba["id"]}" are taken'
        elif bus == "ide":
            ide += 1
            if document["qemu_machine_type"] == "pc" and ide > MOST_IDE:
                yield nth, f"drive_bus must not be ide: there are {MOST_IDE} places, and all are taken"


RULES = (
    unique("id", lambda device: device["id"], "is that of another device"),
    unique("type", of_type("cpu"), 'must not be cpu again: "{}" is one'),
    unique("type", of_type("display"), 'must not be display again: "{}" is one'),
    unique("drive_image", disk_of, 'is that of "{}" already'),
    unique("nic_mac", lambda device: device.get("nic_mac", "").lower() or None, 'is that of "{}" already'),
    unique("nic_netdev", lambda device: device.get("nic_netdev"), 'is what "{}" is on already'),
    unique("tap_interface_name", lambda device: device.get("tap_interface_name"), 'is that of "{}" already'),
    references,
    places,
)
