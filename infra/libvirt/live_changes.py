"""Applies the difference between two descriptions of a domain to the domain while it runs, as far as QEMU can.

limits of a drive                                  set
disc in a CD drive                                 changed
new network card, or new drive on an hba           plugged in, if the domain takes it
removed network card, or removed drive on an hba   unplugged, if the guest gives it back in time
anything else                                      needs a restart

Source: libvirt's API reference, libvirt-domain: attachDevice, detachDevice, updateDevice, setBlockIoTune.
"""

from __future__ import annotations

import time
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

LIMIT_NAMES = ("total_bytes_sec", "total_bytes_sec_max", "total_iops_sec", "total_iops_sec_max")
UNPLUG_TIMEOUT_S = 3.0  # for the guest to give a device back
UNPLUG_POLL_INTERVAL_S = 0.05
DESCRIPTIVE_TAGS = ("title", "description", "metadata")  # only for people: a change needs no restart


def apply_changes(sdk: Any, domain: Any, old_xml: str, new_xml: str) -> bool:
    """Apply what can be applied now, and return whether that was everything. Blocks."""
    old, new = ElementTree.fromstring(old_xml), ElementTree.fromstring(new_xml)
    new_devices = new.findall("devices/*")
    old_devices = {device_key(device): device for device in old.findall("devices/*")}
    removed_keys = old_devices.keys() - {device_key(device) for device in new_devices}
    is_complete = settings_of(old) == settings_of(new)
    for key in sorted(removed_keys):
        try:
            is_complete &= unplug(sdk, domain, old_devices[key])
        except sdk.libvirtError:
            is_complete = False
    for device in new_devices:
        old_device = old_devices.get(device_key(device))
        if old_device is not None and canonical(old_device) == canonical(device):
            continue
        try:
            if old_device is None:
                is_complete &= plug_in(sdk, domain, device)
            else:
                is_complete &= adapt(sdk, domain, old_device, device)
        except sdk.libvirtError:
            is_complete = False
    return is_complete


def plug_in(sdk: Any, domain: Any, device: Element) -> bool:
    """Attach a new device. Returns False for one that needs a restart. `libvirtError` if the domain refuses it."""
    if not is_pluggable(device):
        return False
    domain.attachDeviceFlags(xml_of(device), sdk.VIR_DOMAIN_AFFECT_LIVE)
    return True


def unplug(sdk: Any, domain: Any, device: Element) -> bool:
    """Detach a device, and wait until the guest has given it back. Returns False if it does not. `libvirtError`."""
    if not is_pluggable(device):
        return False
    live = find_device(domain, device)
    if live is None:
        return True
    domain.detachDeviceFlags(xml_of(live), sdk.VIR_DOMAIN_AFFECT_LIVE)
    deadline = time.monotonic() + UNPLUG_TIMEOUT_S
    while find_device(domain, device) is not None:  # libvirt answers before the guest does
        if time.monotonic() > deadline:
            return False
        time.sleep(UNPLUG_POLL_INTERVAL_S)
    return True


def is_pluggable(device: Element) -> bool:
    """Whether a device can come and go while the machine runs."""
    target = device.find("target")
    is_on_hba = device.tag == "disk" and target is not None and target.get("bus") == "scsi"
    return device.tag == "interface" or is_on_hba


def find_device(domain: Any, device: Element) -> Element | None:
    """The device as the running domain has it; None if it has none such."""
    key = device_key(device)
    devices = ElementTree.fromstring(domain.XMLDesc()).findall(f"devices/{device.tag}")
    return next((live for live in devices if device_key(live) == key), None)


def has_devices_of(domain: Any, xml: str) -> bool:
    """Whether a running domain has exactly the drives and network cards of a description."""
    expected, live = ElementTree.fromstring(xml), ElementTree.fromstring(domain.XMLDesc())
    return keys_of(expected) == keys_of(live)


def keys_of(domain: Element) -> set[str]:
    """What identifies the drives and network cards of a domain."""
    return {device_key(device) for tag in ("disk", "interface") for device in domain.findall(f"devices/{tag}")}


def adapt(sdk: Any, domain: Any, old: Element, new: Element) -> bool:
    """Change the disc and the limits of a drive. Returns False if something else differs. Raises `libvirtError`."""
    if new.tag != "disk":
        return False
    is_complete = without(old, "iotune", "source") == without(new, "iotune", "source")
    if child(old, "source") != child(new, "source"):
        if new.get("device") != "cdrom":
            return False
        # FORCE: a guest that has locked the tray cannot keep the disc.
        domain.updateDeviceFlags(xml_of(new), sdk.VIR_DOMAIN_AFFECT_LIVE | sdk.VIR_DOMAIN_DEVICE_MODIFY_FORCE)
    if child(old, "iotune") != child(new, "iotune"):
        target = new.find("target")
        assert target is not None
        domain.setBlockIoTune(target.get("dev"), limits_of(new), sdk.VIR_DOMAIN_AFFECT_LIVE)
    return is_complete


def limits_of(disk: Element) -> dict[str, int]:
    """All limits of a drive; one that the description leaves out is none, since libvirt would keep the old one."""
    limits = {limit.tag: int(limit.text or 0) for limit in disk.findall("iotune/*")}
    return dict.fromkeys(LIMIT_NAMES, 0) | limits  # 0: no limit


def device_key(device: Element) -> str:
    """What identifies a device while its other properties change."""
    target, mac, alias = device.find("target"), device.find("mac"), device.find("alias")
    if device.tag == "disk" and target is not None:
        return f"disk {target.get('dev')}"
    if device.tag == "interface" and mac is not None:
        return f"interface {mac.get('address')}"
    return f"{device.tag} {alias.get('name')}" if alias is not None else canonical(device)


def settings_of(domain: Element) -> list[str]:
    """The parts of a description that are no devices, and of which every change needs a restart."""
    return [canonical(part) for part in domain if part.tag != "devices" and part.tag not in DESCRIPTIVE_TAGS]


def without(device: Element, *tags: str) -> list[str]:
    """A device's attributes and children but for those tags, in a form that can be compared."""
    attributes = str(sorted(device.attrib.items()))
    return [attributes, *sorted(canonical(part) for part in device if part.tag not in tags)]


def child(device: Element, tag: str) -> str:
    """A child in a form that can be compared; "" if there is none."""
    part = device.find(tag)
    return "" if part is None else canonical(part)


def canonical(element: Element) -> str:
    """The same text for every way to write the same XML."""
    return ElementTree.canonicalize(xml_of(element), strip_text=True)


def xml_of(element: Element) -> str:
    """The element as text."""
    return ElementTree.tostring(element, encoding="unicode")
