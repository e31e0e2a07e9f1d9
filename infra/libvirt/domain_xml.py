"""A virtual machine's configuration as libvirt's description of a domain. Pure: the same in, the same out.

Each device keeps its id as an alias (`ua-ID`), so that what libvirt and QEMU say of it can be traced back. The display
is VNC on no address at all: who runs the machine hands out connections to it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from string import ascii_lowercase
from uuid import UUID, uuid5
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from domain.vm.command_line import drop_memory_option, memory_mb, parse_command_line
from domain.vm.devices import Device
from domain.vm.document import Document
from domain.vm.values import parse_limit

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
MACHINES = {"pc": "pc-i440fx", "q35": "pc-q35"}
AGENT_MB = 4  # of the memory that the agent in the machine shares with its host
SOUND = {"pc": "ich6", "q35": "ich9"}  # what "hda" is on them
SUFFIXES = ("qcow2", "qed", "vdi", "vhdx", "vmdk", "vpc")  # formats that an image's name tells

ElementTree.register_namespace("qemu", QEMU)


def domain_xml(config: Document, name: str, image: Callable[[Device], str], memory: int, kvm: bool) -> str:
    """`image` says where a drive's image is; `memory` is in MB, for a machine that says nothing of it (with -m).

    Without `kvm` it is emulated, and a CPU like the host's is the best that can be had.
    """
    devices: list[Device] = config["qemu_devices"]
    lines = [parse_command_line(it["command_line"]) for it in devices if it["type"] == "custom_cmd"]
    cpu = next((it for it in devices if it["type"] == "cpu"), None)
    domain = Element("domain", type="kvm" if kvm else "qemu")
    add(domain, "name", name)
    add(domain, "uuid", config["qemu_uuid"])
    add(domain, "title", config["name"])
    add(domain, "memory", max([mb for line in lines if (mb := memory_mb(line))], default=memory), unit="MiB")
    add(domain, "vcpu", cpu["cpu_cores"] if cpu else 1)
    if threads := sum(it.get("hba_add_iothread", False) for it in devices):
        add(domain, "iothreads", threads)
    booting(domain, config)
    add(domain, "features", None, *("acpi", "apic"))
    if cpu:
        processor(domain, cpu, kvm)
    add(domain, "clock", offset="utc")
    for occasion, then in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        add(domain, f"on_{occasion}", then)
    plug(add(domain, "devices"), config, name, image)
    if arguments := [word for line in lines for word in drop_memory_option(line)]:
        commandline = SubElement(domain, f"{{{QEMU}}}commandline")
        for word in arguments:
            SubElement(commandline, f"{{{QEMU}}}arg", value=word)
    ElementTree.indent(domain)
    return ElementTree.tostring(domain, encoding="unicode") + "\n"


def booting(domain: Element, config: Document) -> None:
    kind, version = config["qemu_machine_type"], config["qemu_machine_version"]
    system = add(domain, "os", **({"firmware": "efi"} if config["qemu_use_uefi"] else {}))
    machine = f"{MACHINES[kind]}-{version}" if version else kind
    add(system, "type", "hvm", arch="x86_64", machine=machine)
    if config["qemu_use_uefi"]:  # else one is chosen that a machine of this type may not be able to run
        firmware = add(system, "firmware")
        for feature in ("enrolled-keys", "secure-boot"):
            add(firmware, "feature", enabled="no", name=feature)


def processor(domain: Element, device: Device, kvm: bool) -> None:
    model = device["cpu_model"]
    if model == "host" and kvm:
        cpu = add(domain, "cpu", mode="host-passthrough", check="none")
    elif model in ("host", "max"):
        cpu = add(domain, "cpu", mode="maximum", check="none")
    else:
        cpu = add(domain, "cpu", mode="custom", match="exact", check="none")
        add(cpu, "model", model, fallback="forbid")
    add(cpu, "topology", sockets="1", dies="1", cores=device["cpu_cores"], threads="1")
    for feature in device["cpu_features"]:
        add(cpu, "feature", policy="disable" if feature[0] == "-" else "require", name=feature.lstrip("+-"))


def plug(devices: Element, config: Document, name: str, image: Callable[[Device], str]) -> None:
    networks = {it["id"]: it for it in config["qemu_devices"] if it["type"] == "network"}
    kind = config["qemu_machine_type"]
    drives = Drives(kind, image)
    for it in config["qemu_devices"]:
        match it["type"]:
            case "hba":
                drives.hba(devices, it)
            case "drive":
                drives.drive(devices, it)
            case "nic":
                card(devices, it, networks[it["nic_netdev"]])
            case "audio":
                model = SOUND[kind] if it["audio_type"] == "hda" else it["audio_type"]
                named(add(devices, "sound", model=model), it)
            case "display":
                display(devices, it, config)
    if not any(it["type"] == "display" and it["display_type"] != "mdev" for it in config["qemu_devices"]):
        add(add(devices, "video"), "model", type="none")
    add(devices, "input", type="tablet", bus="usb")
    add(add(devices, "graphics", type="vnc"), "listen", type="none")
    add(devices, "audio", id=1, type="none")
    add(devices, "memballoon", model="none")
    if config["qemu_enable_agent"]:
        shared = add(devices, "shmem", name=name)
        add(shared, "model", type="ivshmem-plain")
        add(shared, "size", AGENT_MB, unit="M")


class Drives:
    """Where each drive has its place, in the order in which they are declared; which is also what is booted from."""

    def __init__(self, kind: str, image: Callable[[Device], str]) -> None:
        self._ide = "ide" if kind == "pc" else "sata"  # a q35 has no other places for what was made for IDE
        self._image = image
        self._names = {"hd": count(), "sd": count()}
        self._order, self._hbas, self._threads = count(1), count(), count(1)
        self._index, self._units, self._lsi = -1, count(), False

    def hba(self, devices: Element, it: Device) -> None:
        self._index, self._units, self._lsi = next(self._hbas), count(), it["hba_type"] == "lsi"
        model = "lsilogic" if self._lsi else "virtio-scsi"
        controller = add(devices, "controller", type="scsi", index=self._index, model=model)
        if not self._lsi:
            thread = {"iothread": next(self._threads)} if it["hba_add_iothread"] else {}
            add(controller, "driver", queues=it["hba_num_queues"], **thread)
        named(controller, it)

    def drive(self, devices: Element, it: Device) -> None:
        bus = self._ide if it["drive_bus"] == "ide" else it["drive_bus"]
        is_cd, is_ssd = it["drive_type"] == "cdrom", it["drive_type"] == "ssd"
        disk = add(devices, "disk", type="file", device="cdrom" if is_cd else "disk")
        cache = {} if it["drive_cache_type"] == "default" else {"cache": it["drive_cache_type"]}
        uring = {"io": "io_uring"} if it["drive_use_io_uring"] else {}
        trim = {"discard": "unmap"} if is_ssd else {}
        add(disk, "driver", name="qemu", type=format_of(it), **cache, **uring, **trim)
        if "drive_image" in it:
            add(disk, "source", file=self._image(it))
        prefix = "hd" if bus == "ide" else "sd"
        rotation = {"rotation_rate": 1} if is_ssd else {}  # as a disk that does not turn says of itself
        add(disk, "target", dev=prefix + letters(next(self._names[prefix])), bus=bus, **rotation)
        limits(disk, it)
        if is_cd:
            add(disk, "readonly")
        named(disk, it)
        add(disk, "boot", order=next(self._order))
        if bus == "scsi":
            nth = next(self._units)
            target, unit = (0, nth) if self._lsi else (nth, 0)
            add(disk, "address", type="drive", controller=self._index, bus=0, target=target, unit=unit)


def limits(disk: Element, it: Device) -> None:
    said = {"bytes": it.get("drive_bps_limit"), "iops": it.get("drive_iops_limit")}
    if not any(said.values()):
        return
    tune = add(disk, "iotune")
    for what, text in said.items():
        if text:
            sustained, burst = parse_limit(text)
            add(tune, f"total_{what}_sec", sustained)
            add(tune, f"total_{what}_sec_max", burst)


def card(devices: Element, it: Device, network: Device) -> None:
    tap = network["network_type"] == "tap"
    interface = add(devices, "interface", type="ethernet" if tap else "user")
    add(interface, "mac", address=it["nic_mac"].lower())
    if tap:  # it is the host's: neither made for the machine, nor taken away after it
        add(interface, "target", dev=network["tap_interface_name"], managed="no")
    add(interface, "model", type=it["nic_type"])
    if tap and it["nic_type"] == "virtio":
        add(interface, "driver", name="vhost" if network["tap_use_vhost"] else "qemu")
    named(interface, it)


def display(devices: Element, it: Device, config: Document) -> None:
    if it["display_type"] == "mdev":
        host = add(devices, "hostdev", mode="subsystem", type="mdev", model="vfio-pci", display="on")
        add(add(host, "source"), "address", uuid=mdev_of(config, it))
        named(host, it)
        return
    kib = 1024 * (1 << (it["display_vgamem_mb"] - 1).bit_length())  # QEMU's cards have powers of two
    size = {"vgamem": kib} if it["display_type"] == "qxl" else {"vram": kib}
    video = add(devices, "video")
    add(video, "model", type=it["display_type"], **size)
    named(video, it)


def mdev_of(config: Document, device: Device) -> UUID:
    """The mediated device that a display is."""
    return uuid5(UUID(config["qemu_uuid"]), device["id"])


def format_of(it: Device) -> str:
    """QEMU is not let guess: whoever can write to a raw image could have it be taken for another one."""
    suffix = it.get("drive_image", "").rpartition(".")[2].lower()
    told: str = it.get("drive_format") or (suffix if suffix in SUFFIXES else "raw")
    return "raw" if it["drive_type"] == "cdrom" else told


def letters(nth: int) -> str:
    """a to z, then aa, ab and so on."""
    return (letters(nth // 26 - 1) if nth >= 26 else "") + ascii_lowercase[nth % 26]


def named(element: Element, it: Device) -> None:
    add(element, "alias", name=f"ua-{it['id']}")


def add(to: Element, tag: str, text: object = None, *inner: str, **attributes: object) -> Element:
    element = SubElement(to, tag, {name: str(value) for name, value in attributes.items()})
    element.text = None if text is None else str(text)
    for each in inner:
        SubElement(element, each)
    return element
