"""Changing a domain that runs: what has changed between two descriptions of it, and what of that can be done now.

the limits of a drive              set
the disc in a CD drive             changed
a network card, or a drive on an hba, that is new       plugged in, if the domain takes it
anything else                      takes a restart
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

LIMITS = ("total_bytes_sec", "total_bytes_sec_max", "total_iops_sec", "total_iops_sec_max")
NONE = 0  # no limit, to libvirt


def changed(sdk: Any, domain: Any, was: str, becomes: str) -> bool:
    """Do what can be done now, and return whether that was all. Blocks."""
    before, after = ElementTree.fromstring(was), ElementTree.fromstring(becomes)
    devices = [(plain(it), it) for it in after.find("devices") or ()]
    old = {key(it): it for it in before.find("devices") or ()}
    complete = rest(before) == rest(after) and not old.keys() - {key(it) for _, it in devices}
    for said, it in devices:
        known = old.get(key(it))
        if known is not None and plain(known) == said:
            continue
        try:
            complete &= plugged(sdk, domain, it) if known is None else adapted(sdk, domain, known, it)
        except sdk.libvirtError:
            complete = False
    return complete


def plugged(sdk: Any, domain: Any, device: Element) -> bool:
    target = device.find("target")
    on_hba = device.tag == "disk" and target is not None and target.get("bus") == "scsi"
    if device.tag != "interface" and not on_hba:
        return False
    domain.attachDeviceFlags(text(device), sdk.VIR_DOMAIN_AFFECT_LIVE)
    return True


def adapted(sdk: Any, domain: Any, was: Element, becomes: Element) -> bool:
    if becomes.tag != "disk":
        return False
    complete = without(was, "iotune", "source") == without(becomes, "iotune", "source")
    if part(was, "source") != part(becomes, "source"):
        if becomes.get("device") != "cdrom":
            return False
        domain.updateDeviceFlags(text(becomes), sdk.VIR_DOMAIN_AFFECT_LIVE | sdk.VIR_DOMAIN_DEVICE_MODIFY_FORCE)
    if part(was, "iotune") != part(becomes, "iotune"):
        target = becomes.find("target")
        assert target is not None
        domain.setBlockIoTune(target.get("dev"), limits(becomes), sdk.VIR_DOMAIN_AFFECT_LIVE)
    return complete


def limits(disk: Element) -> dict[str, int]:
    """All of them: what is not said is set to none."""
    said = {it.tag: int(it.text or 0) for it in disk.find("iotune") or ()}
    return dict.fromkeys(LIMITS, NONE) | said


def key(device: Element) -> str:
    """What a device is known by while other things of it change."""
    target, mac, alias = device.find("target"), device.find("mac"), device.find("alias")
    if device.tag == "disk" and target is not None:
        return f"disk {target.get('dev')}"
    if device.tag == "interface" and mac is not None:
        return f"interface {mac.get('address')}"
    return f"{device.tag} {alias.get('name')}" if alias is not None else plain(device)


def rest(domain: Element) -> list[str]:
    """The description but for what is looked at apart, or is only for people."""
    return [plain(it) for it in domain if it.tag not in ("devices", "title", "description", "metadata")]


def without(device: Element, *tags: str) -> list[str]:
    attributes = str(sorted(device.attrib.items()))
    return [attributes, *sorted(plain(it) for it in device if it.tag not in tags)]


def part(device: Element, tag: str) -> str:
    found = device.find(tag)
    return "" if found is None else plain(found)


def plain(element: Element) -> str:
    return ElementTree.canonicalize(text(element), strip_text=True)


def text(element: Element) -> str:
    return ElementTree.tostring(element, encoding="unicode")
