"""What a virtual machine may be made from: each kind of device by its own fields, and all of them together."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import Invalid
from domain.vm.document import validate_document
from domain.vm.values import parse_limit
from tests.support.stories import vms
from tests.support.stories.vms import (
    AUDIO,
    CDROM,
    CPU,
    CUSTOM,
    DISPLAY,
    DRIVE,
    HBA,
    LSI,
    MDEV,
    NETWORK,
    NIC,
    TAP,
    document,
)

Device = dict[str, Any]
SCSI = DRIVE | {"drive_bus": "scsi"}
ALL = (CPU, HBA, SCSI, CDROM, AUDIO, DISPLAY, NETWORK, NIC, CUSTOM)


def wrong(candidate: Any) -> str:
    with pytest.raises(Invalid) as refused:
        validate_document(candidate)
    return str(refused.value)


@pytest.mark.parametrize("device", [*ALL, LSI, MDEV, TAP], ids=lambda device: device["id"])
def test_each_device_is_told_by_its_own_fields_and_no_others(device: Device) -> None:
    before = [HBA] if device.get("drive_bus") == "scsi" else [NETWORK] if device["type"] == "nic" else []
    validate_document(document(*before, device))
    assert "zap is no field where" in wrong(document(*before, device | {"zap": 1}))
    for field in device.keys() - {"id"}:
        less = {key: value for key, value in device.items() if key != field}
        assert wrong(document(*before, less)) == f'device "{device["id"]}": {field} is needed'
        message = wrong(document(*before, device | {field: None}))
        assert message.startswith(f'device "{device["id"]}": {field} must '), message


def test_all_of_them_go_together() -> None:
    validate_document(document(*ALL, TAP, NIC | {"id": "n2", "nic_mac": "52:54:00:12:34:57", "nic_netdev": "tap"}))


@pytest.mark.parametrize("field", document())
def test_every_field_of_a_machine_is_needed(field: str) -> None:
    less = {key: value for key, value in document().items() if key != field}
    assert field in wrong(less)
    assert wrong(document() | {field: None}).startswith(f"{field} must be")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"id": "list"}, "id must not be list"),
        ({"id": "create"}, "id must not be create"),
        ({"id": "a/b"}, "id must be a word"),
        ({"id": "."}, "id must be a word"),
        ({"id": "x" * 65}, "id must be a word"),
        ({"name": " "}, "name must not be blank"),
        ({"name": "x" * 101}, "name has 101 characters"),
        ({"name": "a\nb"}, "name must not contain the control character U+000A"),
        ({"hypervisor": "xen"}, "hypervisor must be qemu"),
        ({"autostart": 1}, "autostart must be true or false"),
        ({"qemu_uuid": "1"}, "qemu_uuid must be a UUID"),
        ({"qemu_machine_type": "isapc"}, "qemu_machine_type must be pc or q35"),
        ({"qemu_machine_version": "7"}, "qemu_machine_version must be a version"),
        ({"qemu_devices": {}}, "qemu_devices must be a list"),
        ({"qemu_devices": ["cpu"]}, "qemu_devices must be a list of devices"),
        ({"qemu_devices": [AUDIO | {"id": f"a{n}"} for n in range(65)]}, "at most 64"),
        ({"state": "running"}, "state is no field of a virtual machine"),
    ],
)
def test_a_field_of_the_machine_that_is_wrong(fields: Device, says: str) -> None:
    assert says in wrong(document(**fields))


@pytest.mark.parametrize(
    ("device", "fields", "says"),
    [
        (CPU, {"id": "a b"}, "id must be a word"),
        (CPU, {"type": "gpu"}, "type must be cpu, drive, hba, audio, display, network, nic or custom_cmd"),
        (CPU, {"cpu_model": "-host"}, "cpu_model must be the name of a model"),
        (CPU, {"cpu_features": ["AVX,"]}, "cpu_features must be features"),
        (CPU, {"cpu_features": ["avx", "-avx"]}, "cpu_features must name each feature once"),
        (CPU, {"cpu_cores": 0}, "cpu_cores must be a whole number from 1 to 255"),
        (CPU, {"cpu_cores": 1.5}, "cpu_cores must be a whole number"),
        (CPU, {"cpu_cores": True}, "cpu_cores must be a whole number"),
        (DRIVE, {"drive_type": "floppy"}, "drive_type must be hdd, ssd or cdrom"),
        (DRIVE, {"drive_cache_type": "fast"}, "drive_cache_type must be default, none"),
        (DRIVE, {"drive_bus": "nvme"}, "drive_bus must be ide, sata or scsi"),
        (DRIVE, {"drive_format": "iso"}, "drive_format must be raw, qcow2"),
        (CDROM, {"drive_format": "raw"}, "drive_format is no field where drive_type is cdrom"),
        (LSI, {"hba_num_queues": 2}, "hba_num_queues is no field where hba_type is lsi"),
        (HBA, {"hba_num_queues": 0}, "hba_num_queues must be a whole number from 1"),
        (AUDIO, {"audio_type": "gus"}, "audio_type must be hda, ac97 or sb16"),
        (DISPLAY, {"display_type": "virtio"}, "display_type must be vga, qxl, cirrus or mdev"),
        (DISPLAY, {"display_vgamem_mb": 0}, "display_vgamem_mb must be a whole number"),
        (DISPLAY, {"display_mdev_profile": "x"}, "display_mdev_profile is no field where display_type is vga"),
        (MDEV, {"display_vgamem_mb": 16}, "display_vgamem_mb is no field where display_type is mdev"),
        (NETWORK, {"tap_use_vhost": True}, "tap_use_vhost is no field where network_type is user"),
        (TAP, {"tap_interface_name": "a/b"}, "tap_interface_name must be the name of a network interface"),
        (TAP, {"tap_interface_name": "x" * 16}, "tap_interface_name must be the name of a network interface"),
        (NIC, {"nic_type": "ne2k"}, "nic_type must be rtl8139, pcnet, e1000 or virtio"),
        (NIC, {"nic_mac": "52-54-00-12-34-56"}, "nic_mac must be an address"),
        (NIC, {"nic_mac": "01:00:5e:00:00:01"}, "nic_mac must be the address of one card"),
        (NIC, {"nic_netdev": "wan"}, 'nic_netdev must be the id of a network that comes before it; "wan" is none'),
    ],
)
def test_a_field_of_a_device_that_is_wrong(device: Device, fields: Device, says: str) -> None:
    message = wrong(document(NETWORK, device | fields) if device is not NETWORK else document(NETWORK | fields))
    assert says in message and message.startswith("device "), message


@pytest.mark.parametrize(
    "path", ["", "/etc/shadow", "../x", "a/../../x", "a/..", "./x", "a//b", "a/", "x" * 256, "a\0b", 7]
)
def test_an_image_is_below_the_folder_of_images(path: Any) -> None:
    assert wrong(document(DRIVE | {"drive_image": path})).startswith('device "disk": drive_image must be a path')


@pytest.mark.parametrize("path", ["disk.qcow2", "a/b.raw", "..x", "an image, with a comma.img"])
def test_what_is_an_image(path: str) -> None:
    validate_document(document(DRIVE | {"drive_image": path}, CDROM | {"drive_image": path}))


@pytest.mark.parametrize("field", ["drive_bps_limit", "drive_iops_limit"])
def test_limits(field: str) -> None:
    validate_document(document(DRIVE | {field: "1000 1500"}, CDROM | {field: "1000 1000"}))
    for text in ("", "1000", "0 1", "1 0", "-1 5", "1.5 2", "1000  1500", "a b", "1 2 3", "٣ 4", 1000, ["1", "2"]):
        assert f"{field} must be two whole numbers" in wrong(document(DRIVE | {field: text}))
    assert f"{field} has a limit for a moment, 999, that is below" in wrong(document(DRIVE | {field: "1000 999"}))
    assert parse_limit("15000000 25000000") == (15_000_000, 25_000_000)


def test_no_two_devices_have_the_same_id() -> None:
    assert wrong(document(CPU, AUDIO | {"id": "cpu"})) == 'device "cpu": id is that of another device'


@pytest.mark.parametrize(
    ("devices", "says"),
    [
        ((CPU, CPU | {"id": "b"}), 'type must not be cpu again: "cpu" is one'),
        ((DISPLAY, MDEV), 'type must not be display again: "display" is one'),
        ((DRIVE, DRIVE | {"id": "b"}), 'drive_image is that of "disk" already'),
        ((NETWORK, NIC, NIC | {"id": "b", "nic_mac": "52:54:00:12:34:57"}), 'nic_netdev is what "nic" is on already'),
        ((NETWORK, NETWORK | {"id": "m"}, NIC, NIC | {"id": "b", "nic_netdev": "m"}), 'nic_mac is that of "nic"'),
        ((TAP, TAP | {"id": "b"}), 'tap_interface_name is that of "tap" already'),
        ((NIC, NETWORK), "nic_netdev must be the id of a network that comes before it"),
        ((CPU, NIC | {"nic_netdev": "cpu"}), "nic_netdev must be the id of a network"),
        ((SCSI, HBA), "drive_bus must not be scsi without an hba that comes before it"),
        ((LSI, *(CDROM | {"id": f"c{n}", "drive_bus": "scsi"} for n in range(8))), "the 7 places on the lsi"),
        (tuple(CDROM | {"id": f"c{n}"} for n in range(5)), "there are 4 places, and all are taken"),
    ],
)
def test_devices_that_do_not_go_together(devices: tuple[Device, ...], says: str) -> None:
    assert says in wrong(document(*devices))


def test_the_agent_is_for_q35_only() -> None:
    validate_document(document(qemu_enable_agent=True, qemu_machine_type="q35"))
    assert "qemu_enable_agent must be false where qemu_machine_type is pc" in wrong(document(qemu_enable_agent=True))


@pytest.mark.parametrize(
    "option",
    ["-daemonize", "--daemonize", "-monitor stdio", "-mon x", "-qmp stdio", "-chardev null,id=c", "-pidfile x", "-S"]
    + ["-runas me", "-chroot /", "-incoming defer", "-sandbox off", "-serial mon:stdio", "-vnc :0", "-gdb tcp::1"]
    + ["-readconfig x", "-D x", "-name x", "'-daemonize'", "-netdev user,id=n", "-cpu host"],
)
def test_what_takes_the_machine_away_is_no_command_line(option: str) -> None:
    message = wrong(document(CUSTOM | {"command_line": f"-device virtio-rng-pci {option}"}))
    assert message.startswith('device "extra": command_line must not have -'), message


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "must begin with an option"),
        ("disk.img", "must begin with an option"),
        ("-device 'x", "has a quote"),
        ("-device x\n-S", "must be one line"),
        ("-device " + "x" * 4000, "must be one line of at most 4000 characters"),
        ("-m", "must have -m once, with a size"),
        ("-m lots", "must have -m once, with a size"),
        ("-m 1 -m 2", "must have -m once, with a size"),
    ],
)
def test_what_is_no_command_line(line: str, says: str) -> None:
    assert f'device "extra": command_line {says}' in wrong(document(CUSTOM | {"command_line": line}))


def test_the_stories_configurations_are_good() -> None:
    for candidate in (vms.PLAIN, vms.AUTO, vms.MORE_CORES):
        validate_document(candidate)
