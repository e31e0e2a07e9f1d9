"""Hypothesis strategies for configurations of virtual machines and for patches of them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import strategies as st

from domain.errors import Invalid
from domain.vm.devices import CACHES, FORMATS
from domain.vm.document import validate_document
from tests.support.stories.vms import document

IDS = st.from_regex("[a-z][a-z0-9_-]{0,5}", fullmatch=True)
LIMITS = st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)).map(lambda pair: f"{pair[0]} {pair[0] + pair[1]}")
IMAGES = st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?\.(raw|qcow2|iso)", fullmatch=True)
LINES = ("-device virtio-rng-pci", "-m 512", "-rtc base=localtime", "-smbios 'type=1,product=a b'")


def device(type: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"id": IDS, "type": st.just(type), **fields})


def optional(one: st.SearchStrategy[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    more = st.fixed_dictionaries({}, optional=fields)
    return st.tuples(one, more).map(lambda both: both[0] | both[1])


def drives(types: list[str], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return device(
        "drive",
        drive_type=st.sampled_from(types),
        drive_cache_type=st.sampled_from(CACHES),
        drive_use_io_uring=st.booleans(),
        drive_bus=st.sampled_from(["ide", "sata", "scsi"]),
        **fields,
    )


DEVICES = st.one_of(
    device(
        "cpu",
        cpu_model=st.sampled_from(["host", "max", "qemu64", "Skylake-Client-v1"]),
        cpu_features=st.lists(st.sampled_from(["avx", "+aes", "-svm"]), unique=True),
        cpu_cores=st.integers(1, 255),
    ),
    optional(
        drives(["hdd", "ssd"], drive_image=IMAGES),
        drive_format=st.sampled_from(FORMATS),
        drive_bps_limit=LIMITS,
        drive_iops_limit=LIMITS,
    ),
    optional(drives(["cdrom"]), drive_image=IMAGES, drive_iops_limit=LIMITS),
    device("hba", hba_type=st.just("virtio-scsi"), hba_add_iothread=st.booleans(), hba_num_queues=st.integers(1, 256)),
    device("hba", hba_type=st.just("lsi")),
    device("audio", audio_type=st.sampled_from(["hda", "ac97", "sb16"])),
    device("display", display_type=st.sampled_from(["vga", "qxl", "cirrus"]), display_vgamem_mb=st.integers(1, 256)),
    device("display", display_type=st.just("mdev"), display_mdev_profile=st.just("nvidia-63")),
    device("network", network_type=st.just("user")),
    device(
        "network",
        network_type=st.just("tap"),
        tap_interface_name=st.from_regex("tap[0-9]{1,3}", fullmatch=True),
        tap_use_vhost=st.booleans(),
    ),
    device(
        "nic",
        nic_type=st.sampled_from(["rtl8139", "pcnet", "e1000", "virtio"]),
        nic_mac=st.integers(0, 2**24 - 1).map(lambda n: f"52:54:00:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"),
        nic_netdev=IDS,
    ),
    device("custom_cmd", command_line=st.sampled_from(LINES)),
)


def fitting(devices: list[dict[str, Any]], fields: dict[str, Any]) -> Any:
    """A valid configuration with those of the devices that fit together."""
    machine = document(**fields)
    for device in devices:
        networks = [placed["id"] for placed in machine["qemu_devices"] if placed["type"] == "network"]
        candidate = device | ({"nic_netdev": networks[-1]} if device["type"] == "nic" and networks else {})
        larger = machine | {"qemu_devices": [*machine["qemu_devices"], candidate]}
        with suppress(Invalid):
            validate_document(larger)
            machine = larger
    return machine


MACHINE_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "name": st.text("abc é", min_size=1).filter(str.strip),
    "autostart": st.booleans(),
    "private": st.booleans(),
    "qemu_use_uefi": st.booleans(),
    "qemu_machine_version": st.sampled_from(["", "7.2", "2.12"]),
}
OF_A_TYPE = st.sampled_from(
    [{"qemu_machine_type": type, "qemu_enable_agent": agent} for type, agent in (("pc", False), ("q35", True))]
)
MACHINES = st.builds(
    lambda devices, type, fields: fitting(devices, type | fields),
    st.lists(DEVICES, max_size=8),
    OF_A_TYPE,
    st.fixed_dictionaries({}, optional=MACHINE_FIELDS),
)

FIELDS = ["id", "name", "hypervisor", "state", "password", "private", "autostart", "qemu_machine_type", "qemu_devices"]
FIELDS += ["qemu_enable_agent", "cpu_cores", "nic_netdev", "drive_bps_limit", "type"]
FIELDS += ["0", "1", "2", "-", "99", "~1", ""]
PATHS = st.lists(st.sampled_from(FIELDS), max_size=3).map(lambda parts: "".join(f"/{part}" for part in parts))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=5,
)
VALUES = st.one_of(
    ANYTHING, DEVICES, MACHINES, st.sampled_from(["q35", "pc", "qemu", "lab", "running", "1 2"]), st.integers(1, 9)
)
OPERATIONS = st.one_of(
    st.fixed_dictionaries({"op": st.sampled_from(["add", "replace", "test"]), "path": PATHS, "value": VALUES}),
    st.fixed_dictionaries({"op": st.sampled_from(["move", "copy"]), "path": PATHS, "from": PATHS}),
    st.fixed_dictionaries({"op": st.just("remove"), "path": PATHS}),
    ANYTHING,
)
PATCHES = st.lists(OPERATIONS, max_size=5) | ANYTHING
GOOD: dict[str, st.SearchStrategy[Any]] = MACHINE_FIELDS | {
    "qemu_machine_type": st.sampled_from(["pc", "q35"]),
    "qemu_enable_agent": st.booleans(),
    "cpu_cores": st.integers(1, 8),
    "drive_iops_limit": LIMITS,
    "drive_bus": st.sampled_from(["ide", "sata", "scsi"]),
    "nic_type": st.sampled_from(["e1000", "virtio"]),
    "id": IDS,
}


def pointers(value: Any, to: str = "") -> list[str]:
    """JSON pointers to everything in the value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [to, *(pointer for key, item in inner for pointer in pointers(item, f"{to}/{key}"))]


@st.composite
def likely_patches(draw: st.DrawFn, machine: dict[str, Any]) -> list[dict[str, Any]]:
    """Patches of existing fields. About half of them lead to a valid configuration."""
    paths = pointers(machine)
    replaceable = [path for path in paths if path.rpartition("/")[2] in GOOD and path != "/id"]
    devices = [f"/qemu_devices/{nth}" for nth in range(len(machine["qemu_devices"]))] or ["/qemu_devices"]
    path = st.sampled_from(replaceable)
    device = st.sampled_from(devices)
    likely = [
        path.flatmap(lambda pointer: written("replace", pointer, GOOD[pointer.rpartition("/")[2]])),
        written("add", "/qemu_devices/-", DEVICES),
        st.fixed_dictionaries({"op": st.just("remove"), "path": device}),
        st.fixed_dictionaries({"op": st.just("move"), "path": device, "from": device}),
        st.fixed_dictionaries({"op": st.just("copy"), "path": st.sampled_from(paths), "from": st.sampled_from(paths)}),
    ]
    return draw(st.lists(st.one_of(likely), min_size=1, max_size=3))


def written(op: str, path: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"op": st.just(op), "path": st.just(path), "value": value})
