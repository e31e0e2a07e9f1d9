"""A virtual machine's configuration as libvirt's description of a domain. Pure: the same input gives the same text.

Each device keeps its id as an alias (`ua-ID`), so that messages of libvirt and QEMU name it. The display is VNC without
an address: connections to it are opened through libvirt. Source: libvirt's "Domain XML format".
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from string import ascii_lowercase
from uuid import UUID, uuid5
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from domain.vm.command_line import drop_memory_option, memory_mb, parse_command_line
from domain.vm.devices import Cpu, Device, Display, Drive, Hba, Network, NetworkCard
from domain.vm.document import Document
from domain.vm.values import parse_limit

QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
MACHINE_TYPES = {"pc": "pc-i440fx", "q35": "pc-q35"}
HDA_MODELS = {"pc": "ich6", "q35": "ich9"}
AGENT_MEMORY_MB = 4  # shared between the agent in the machine and its host
KIB_PER_MIB = 1024
FORMAT_SUFFIXES = ("qcow2", "qed", "vdi", "vhdx", "vmdk", "vpc")  # of images whose name tells their format

ImagePath = Callable[[Drive], str]  # where a drive's image is

ElementTree.register_namespace("qemu", QEMU_NAMESPACE)


def domain_xml(config: Document, name: str, image_path: ImagePath, default_memory_mb: int, kvm: bool) -> str:
    """The XML of a valid configuration. `default_memory_mb` is for a machine whose command lines have no -m.

    Without `kvm` the machine is emulated, and a CPU like the host's becomes the best that QEMU can emulate.
    """
    devices: list[Device] = config["qemu_devices"]
    command_lines = [parse_command_line(device["command_line"]) for device in devices if device["type"] == "custom_cmd"]
    cpu = next((device for device in devices if device["type"] == "cpu"), None)
    memory = max([mb for line in command_lines if (mb := memory_mb(line))], default=default_memory_mb)
    domain = Element("domain", type="kvm" if kvm else "qemu")
    add(domain, "name", name)
    add(domain, "uuid", config["qemu_uuid"])
    add(domain, "title", config["name"])
    add(domain, "memory", memory, unit="MiB")
    add(domain, "vcpu", cpu["cpu_cores"] if cpu else 1)
    if threads := sum(device.get("hba_add_iothread", False) for device in devices if device["type"] == "hba"):
        add(domain, "iothreads", threads)
    add_boot(domain, config)
    add(domain, "features", None, *("acpi", "apic"))
    if cpu:
        add_cpu(domain, cpu, kvm)
    add(domain, "clock", offset="utc")
    for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        add(domain, f"on_{event}", action)
    add_devices(add(domain, "devices"), config, name, image_path)
    if arguments := [word for line in command_lines for word in drop_memory_option(line)]:
        command_line = SubElement(domain, f"{{{QEMU_NAMESPACE}}}commandline")
        for word in arguments:
            SubElement(command_line, f"{{{QEMU_NAMESPACE}}}arg", value=word)
    ElementTree.indent(domain)
    return ElementTree.tostring(domain, encoding="unicode") + "\n"


def add_boot(domain: Element, config: Document) -> None:
    """The machine type and the firmware."""
    machine_type, version = config["qemu_machine_type"], config["qemu_machine_version"]
    system = add(domain, "os", **({"firmware": "efi"} if config["qemu_use_uefi"] else {}))
    machine = f"{MACHINE_TYPES[machine_type]}-{version}" if version else machine_type
    add(system, "type", "hvm", arch="x86_64", machine=machine)
    if config["qemu_use_uefi"]:
        # Otherwise libvirt may choose a firmware that a machine of this type cannot run.
        firmware = add(system, "firmware")
        for feature in ("enrolled-keys", "secure-boot"):
            add(firmware, "feature", enabled="no", name=feature)


def add_cpu(domain: Element, device: Cpu, kvm: bool) -> None:
    """The CPU's model, cores and features."""
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


def add_devices(devices: Element, config: Document, name: str, image_path: ImagePath) -> None:
    """All devices of the configuration, and those that every machine has."""
    networks = {device["id"]: device for device in config["qemu_devices"] if device["type"] == "network"}
    machine_type = config["qemu_machine_type"]
    drives = DriveSlots(machine_type, image_path)
    for device in config["qemu_devices"]:
        if device["type"] == "hba":
            drives.add_hba(devices, device)
        elif device["type"] == "drive":
            drives.add_drive(devices, device)
        elif device["type"] == "nic":
            add_network_card(devices, device, networks[device["nic_netdev"]])
        elif device["type"] == "audio":
            model = HDA_MODELS[machine_type] if device["audio_type"] == "hda" else device["audio_type"]
            add_alias(add(devices, "sound", model=model), device)
        elif device["type"] == "display":
            add_display(devices, device, config)
    has_video = any(
        device["type"] == "display" and device["display_type"] != "mdev" for device in config["qemu_devices"]
    )
    if not has_video:
        add(add(devices, "video"), "model", type="none")
    add(devices, "input", type="tablet", bus="usb")
    add(add(devices, "graphics", type="vnc"), "listen", type="none")
    add(devices, "audio", id=1, type="none")
    add(devices, "memballoon", model="none")
    if config["qemu_enable_agent"]:
        shared_memory = add(devices, "shmem", name=name)
        add(shared_memory, "model", type="ivshmem-plain")
        add(shared_memory, "size", AGENT_MEMORY_MB, unit="M")


class DriveSlots:
    """Gives each drive its bus, name and address, in the order of declaration, which is the boot order too."""

    def __init__(self, machine_type: str, image_path: ImagePath) -> None:
        self._ide_bus = "ide" if machine_type == "pc" else "sata"  # a q35 has no IDE: SATA is its nearest
        self._image_path = image_path
        self._letters = {"hd": count(), "sd": count()}
        self._boot_order, self._hba_indexes, self._thread_numbers = count(1), count(), count(1)
        # Of the hba that was declared last: SCSI drives after it are on it.
        self._hba_index, self._hba_slots, self._hba_is_lsi = -1, count(), False

    def add_hba(self, devices: Element, device: Hba) -> None:
        """A SCSI controller, which the SCSI drives after it are on."""
        self._hba_index, self._hba_slots = next(self._hba_indexes), count()
        self._hba_is_lsi = device["hba_type"] == "lsi"
        model = "lsilogic" if self._hba_is_lsi else "virtio-scsi"
        controller = add(devices, "controller", type="scsi", index=self._hba_index, model=model)
        if not self._hba_is_lsi:
            thread = {"iothread": next(self._thread_numbers)} if device["hba_add_iothread"] else {}
            add(controller, "driver", queues=device["hba_num_queues"], **thread)
        add_alias(controller, device)

    def add_drive(self, devices: Element, device: Drive) -> None:
        """A disk or CD drive."""
        bus = self._ide_bus if device["drive_bus"] == "ide" else device["drive_bus"]
        is_cd, is_ssd = device["drive_type"] == "cdrom", device["drive_type"] == "ssd"
        disk = add(devices, "disk", type="file", device="cdrom" if is_cd else "disk")
        cache = {} if device["drive_cache_type"] == "default" else {"cache": device["drive_cache_type"]}
        uring = {"io": "io_uring"} if device["drive_use_io_uring"] else {}
        trim = {"discard": "unmap"} if is_ssd else {}
        add(disk, "driver", name="qemu", type=format_of(device), **cache, **uring, **trim)
        if "drive_image" in device:
            add(disk, "source", file=self._image_path(device))
        prefix = "hd" if bus == "ide" else "sd"
        rotation = {"rotation_rate": 1} if is_ssd else {}  # 1: a disk that does not rotate
        add(disk, "target", dev=prefix + letters(next(self._letters[prefix])), bus=bus, **rotation)
        add_limits(disk, device)
        if is_cd:
            add(disk, "readonly")
        add_alias(disk, device)
        add(disk, "boot", order=next(self._boot_order))
        if bus == "scsi":
            slot = next(self._hba_slots)
            target, unit = (0, slot) if self._hba_is_lsi else (slot, 0)
            add(disk, "address", type="drive", controller=self._hba_index, bus=0, target=target, unit=unit)


def add_limits(disk: Element, device: Drive) -> None:
    """A drive's limits a second: sustained and burst, of bytes and of operations."""
    limits = {"bytes": device.get("drive_bps_limit"), "iops": device.get("drive_iops_limit")}
    if not any(limits.values()):
        return
    tuning = add(disk, "iotune")
    for unit, text in limits.items():
        if text:
            sustained, burst = parse_limit(text)
            add(tuning, f"total_{unit}_sec", sustained)
            add(tuning, f"total_{unit}_sec_max", burst)


def add_network_card(devices: Element, device: NetworkCard, network: Network) -> None:
    """A network card on a tap interface of the host, or on QEMU's own network."""
    is_tap = network["network_type"] == "tap"
    interface = add(devices, "interface", type="ethernet" if is_tap else "user")
    add(interface, "mac", address=device["nic_mac"].lower())
    if is_tap:  # managed="no": libvirt neither makes the host's interface nor removes it
        add(interface, "target", dev=network["tap_interface_name"], managed="no")
    add(interface, "model", type=device["nic_type"])
    if is_tap and device["nic_type"] == "virtio":
        add(interface, "driver", name="vhost" if network["tap_use_vhost"] else "qemu")
    add_alias(interface, device)


def add_display(devices: Element, device: Display, config: Document) -> None:
    """A graphics card, emulated or a mediated device of the host."""
    if device["display_type"] == "mdev":
        host_device = add(devices, "hostdev", mode="subsystem", type="mdev", model="vfio-pci", display="on")
        add(add(host_device, "source"), "address", uuid=mdev_of(config, device))
        add_alias(host_device, device)
        return
    memory_kib = KIB_PER_MIB * (1 << (device["display_vgamem_mb"] - 1).bit_length())  # QEMU takes powers of two only
    memory = {"vgamem": memory_kib} if device["display_type"] == "qxl" else {"vram": memory_kib}
    video = add(devices, "video")
    add(video, "model", type=device["display_type"], **memory)
    add_alias(video, device)


def mdev_of(config: Document, device: Display) -> UUID:
    """The UUID of the mediated device that a display is."""
    return uuid5(UUID(config["qemu_uuid"]), device["id"])


def format_of(device: Drive) -> str:
    """The format of a drive's image. QEMU must not guess: a guest could make its raw disk look like another format."""
    suffix = device.get("drive_image", "").rpartition(".")[2].lower()
    format: str = device.get("drive_format") or (suffix if suffix in FORMAT_SUFFIXES else "raw")
    return "raw" if device["drive_type"] == "cdrom" else format


def letters(index: int) -> str:
    """a to z, then aa, ab and so on, as Linux names drives."""
    return (letters(index // 26 - 1) if index >= 26 else "") + ascii_lowercase[index % 26]


def add_alias(element: Element, device: Device) -> None:
    """The device's id, as libvirt takes aliases of users."""
    add(element, "alias", name=f"ua-{device['id']}")


def add(
    parent: Element, tag: str, text: str | int | None = None, *children: str, **attributes: str | int | UUID
) -> Element:
    """A new element of the parent, with empty children of these tags."""
    element = SubElement(parent, tag, {name: str(value) for name, value in attributes.items()})
    element.text = None if text is None else str(text)
    for child in children:
        SubElement(element, child)
    return element
