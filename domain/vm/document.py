"""The configuration of a virtual machine: a ConfigVMEntry of the Neptuned contract, as JSON values.

It is validated as a whole, since devices refer to one another and to the machine. An error names the device and field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypedDict, cast

from domain.errors import Invalid
from domain.name import normalize_name
from domain.vm.devices import Device, RawDevice, first_device_error, first_field_error
from domain.vm.values import BOOLEAN, UUID, Field, check_name, matching, one_of

RawDocument = Mapping[str, Any]  # JSON that is not validated yet
RESERVED_IDS = ("list", "create")  # these addresses of the contract are not machines
MAX_DEVICES = 64
MAX_IDE_DRIVES, MAX_LSI_DRIVES = 4, 7  # as many as these buses have places


class Document(TypedDict):
    """A valid configuration."""

    id: str  # in addresses
    name: str
    hypervisor: Literal["qemu"]
    autostart: bool
    private: bool
    qemu_use_uefi: bool
    qemu_enable_agent: bool
    qemu_uuid: str
    qemu_machine_type: Literal["pc", "q35"]
    qemu_machine_version: str  # such as "7.2"; "": the newest
    qemu_devices: list[Device]


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


def validate_document(document: RawDocument) -> Document:
    """Return the configuration. Raises `Invalid` with the device, the field, and what is wrong."""
    if error := first_field_error(document, FIELDS):
        raise Invalid(" ".join(error))
    if document["id"] in RESERVED_IDS:
        raise Invalid(f"id must not be {document['id']}")
    if unknown := sorted(document.keys() - FIELDS.keys() - {"qemu_devices"}):
        raise Invalid(f"{unknown[0][:50]} is no field of a virtual machine")
    if document["qemu_enable_agent"] and document["qemu_machine_type"] != "q35":
        raise Invalid("qemu_enable_agent must be false where qemu_machine_type is pc: only q35 has a place for it")
    devices = document.get("qemu_devices")
    if not isinstance(devices, list) or not all(isinstance(device, dict) for device in devices):
        raise Invalid("qemu_devices must be a list of devices")
    if len(devices) > MAX_DEVICES:
        raise Invalid(f"qemu_devices has {len(devices)} devices; at most {MAX_DEVICES} are allowed")
    for index, device in enumerate(devices):
        if error := first_device_error(device):
            raise Invalid(f"{device_label(index, device)}: {' '.join(error)}"[:500])
    for rule in RULES:
        for index, message in rule(document):
            raise Invalid(f"{device_label(index, devices[index])}: {message}")
    return cast(Document, {**document, "name": normalize_name(document["name"])})


def device_label(index: int, device: RawDevice) -> str:
    """What an error calls a device: its id, where it has a printable one."""
    id = device.get("id")
    if isinstance(id, str) and id.isprintable() and id:
        return f'device "{id[:40]}"'
    return f"device {index} of qemu_devices"


# -- rules over all devices: each yields the index of a wrong device and what is wrong ----------------------------

DeviceError = tuple[int, str]
Rule = Callable[[RawDocument], Iterator[DeviceError]]


def unique(field: str, value_of: Callable[[RawDevice], Any], message: str) -> Rule:
    """No two devices have the same value; None stands for no value. `message` takes the id of the first device."""

    def rule(document: RawDocument) -> Iterator[DeviceError]:
        ids: dict[Any, str] = {}
        for index, device in enumerate(document["qemu_devices"]):
            if (value := value_of(device)) is not None:
                if value in ids:
                    yield index, f"{field} {message.format(ids[value])}"
                ids[value] = device["id"]

    return rule


def disk_image(device: RawDevice) -> Any:
    return device["drive_image"] if device.get("drive_type") in ("hdd", "ssd") else None


def of_type(*types: str) -> Callable[[RawDevice], Any]:
    return lambda device: device["type"] if device["type"] in types else None


def references(document: RawDocument) -> Iterator[DeviceError]:
    """A network card is on a network that comes before it."""
    networks: set[str] = set()
    for index, device in enumerate(document["qemu_devices"]):
        if device["type"] == "network":
            networks.add(device["id"])
        elif device["type"] == "nic" and device["nic_netdev"] not in networks:
            error = f'nic_netdev must be the id of a network that comes before it; "{device["nic_netdev"]}" is none'
            yield index, error


def drive_places(document: RawDocument) -> Iterator[DeviceError]:
    """Every drive has a place on its bus. SCSI drives are on the hba that comes last before them."""
    hba: RawDevice | None = None
    scsi_drives = ide_drives = 0
    for index, device in enumerate(document["qemu_devices"]):
        if device["type"] == "hba":
            hba, scsi_drives = device, 0
        bus = device.get("drive_bus")
        if bus == "scsi":
            scsi_drives += 1
            if hba is None:
                yield index, "drive_bus must not be scsi without an hba that comes before it"
            elif hba["hba_type"] == "lsi" and scsi_drives > MAX_LSI_DRIVES:
                error = f'drive_bus must not be scsi: the {MAX_LSI_DRIVES} places on the lsi "{hba["id"]}" are taken'
                yield index, error
        elif bus == "ide":
            ide_drives += 1
            if document["qemu_machine_type"] == "pc" and ide_drives > MAX_IDE_DRIVES:
                yield index, f"drive_bus must not be ide: there are {MAX_IDE_DRIVES} places, and all are taken"


RULES = (
    unique("id", lambda device: device["id"], "is that of another device"),
    unique("type", of_type("cpu"), 'must not be cpu again: "{}" is one'),
    unique("type", of_type("display"), 'must not be display again: "{}" is one'),
    unique("drive_image", disk_image, 'is that of "{}" already'),
    unique("nic_mac", lambda device: device.get("nic_mac", "").lower() or None, 'is that of "{}" already'),
    unique("nic_netdev", lambda device: device.get("nic_netdev"), 'is what "{}" is on already'),
    unique("tap_interface_name", lambda device: device.get("tap_interface_name"), 'is that of "{}" already'),
    references,
    drive_places,
)
