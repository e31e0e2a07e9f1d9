"""A configuration as domain XML: compared with golden files, and defined in a real libvirtd.

`python -m tests.infra.libvirt.test_domain_xml` writes the golden files anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.vm.devices import Drive
from domain.vm.document import Document, validate_document
from infra.libvirt.domain_xml import domain_xml, letters
from tests.support.libvirtd import Libvirtd, libvirtd
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

GOLDEN = Path(__file__).with_name("golden_xml")
NAME = "tenure-00000000-0000-4000-8000-000000000001"
SATA = DRIVE | {"id": "sata", "drive_bus": "sata", "drive_image": "sata.raw", "drive_cache_type": "none"}
SCSI = DRIVE | {"id": "scsi", "drive_bus": "scsi", "drive_image": "scsi.raw"}
SSD = SCSI | {"id": "ssd", "drive_type": "ssd", "drive_image": "ssd.raw", "drive_use_io_uring": True}
Q35 = {"qemu_machine_type": "q35"}
TUNED = DRIVE | {"drive_bps_limit": "15000000 25000000", "drive_iops_limit": "1000 1500"}
TAP_NIC = NIC | {"nic_type": "virtio", "nic_netdev": "tap"}

KINDS: dict[str, Any] = {
    "nothing": document(),
    "machine-q35-version": document(**Q35, qemu_machine_version="7.2"),
    "machine-pc-version": document(qemu_machine_version="7.2"),
    "uefi": document(**Q35, qemu_use_uefi=True),
    "agent": document(**Q35, qemu_enable_agent=True),
    "cpu": document(CPU | {"cpu_features": ["avx2", "+aes", "-svm"], "cpu_cores": 4}),
    "cpu-host": document(CPU | {"cpu_model": "host"}),
    "cpu-max": document(CPU | {"cpu_model": "max"}),
    "drive-hdd": document(DRIVE, DRIVE | {"id": "b", "drive_image": "b.vmdk", "drive_format": "raw"}),
    "drive-ide-on-q35": document(DRIVE, **Q35),
    "drive-sata": document(SATA, SATA | {"id": "c", "drive_image": "c.img", "drive_cache_type": "directsync"}),
    "drive-cdrom": document(CDROM | {"drive_image": "a & b.iso"}, CDROM | {"id": "empty"}),
    "drive-limits": document(TUNED),
    "hba-virtio-scsi": document(HBA, SCSI, SSD, HBA | {"id": "plain", "hba_add_iothread": False, "hba_num_queues": 1}),
    "hba-lsi": document(LSI, SCSI, CDROM | {"drive_bus": "scsi"}),
    "audio-hda": document(AUDIO, **Q35),
    "audio-hda-pc": document(AUDIO),
    "audio-ac97": document(AUDIO | {"audio_type": "ac97"}),
    "audio-sb16": document(AUDIO | {"audio_type": "sb16"}),
    "display-vga": document(DISPLAY),
    "display-qxl": document(DISPLAY | {"display_type": "qxl", "display_vgamem_mb": 24}),
    "display-cirrus": document(DISPLAY | {"display_type": "cirrus", "display_vgamem_mb": 4}),
    "display-mdev": document(MDEV),
    "network-user": document(NETWORK, NIC),
    "network-tap": document(TAP, TAP_NIC),
    "network-tap-without-vhost": document(TAP | {"tap_use_vhost": False}, TAP_NIC),
    "nic-rtl8139": document(NETWORK, NIC | {"nic_type": "rtl8139"}),
    "nic-pcnet": document(NETWORK, NIC | {"nic_type": "pcnet"}),
    "nic-virtio": document(NETWORK, NIC | {"nic_type": "virtio"}),
    "nic-e1000-on-tap": document(TAP, NIC | {"nic_netdev": "tap"}),
    "custom": document(CUSTOM | {"command_line": """-m 2G -fw_cfg "name=opt/a,string=b c" -msg guest-name=on"""}),
    "all": document(CPU, HBA, SCSI, SSD, SATA, CDROM, AUDIO, DISPLAY, NETWORK, NIC, CUSTOM, **Q35),
}


def image_path(drive: Drive) -> str:
    return f"/images/{drive['drive_image']}"


def render(config: Document, kvm: bool = False) -> str:
    return domain_xml(config, NAME, image_path, 1024, kvm)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Libvirtd]:
    with libvirtd() as daemon:
        yield daemon


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_written_as_it_was(kind: str) -> None:
    validate_document(KINDS[kind])
    assert render(KINDS[kind]) == (GOLDEN / f"{kind}.xml").read_text()


def test_there_is_no_golden_file_of_nothing() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_libvirt_takes_it(kind: str, daemon: Libvirtd) -> None:
    """By its XML schema, and as a machine that this host's QEMU could run."""
    result = daemon.virsh("define", "--validate", str(GOLDEN / f"{kind}.xml"), check=False)
    assert result.returncode == 0, result.stderr
    assert daemon.domains() == [NAME]
    daemon.virsh("undefine", "--nvram", NAME)
    assert daemon.domains() == []


def test_a_cpu_like_the_host_s_is_only_there_with_kvm() -> None:
    assert 'mode="host-passthrough"' in render(KINDS["cpu-host"], kvm=True)
    assert 'mode="maximum"' in render(KINDS["cpu-host"])
    assert '<domain type="kvm"' in render(KINDS["nothing"], kvm=True)


def test_it_is_seen_from_nowhere() -> None:
    for kind, config in KINDS.items():
        assert '<graphics type="vnc">\n      <listen type="none" />' in render(config), kind


def test_drives_are_named_as_linux_names_them() -> None:
    assert [letters(n) for n in (0, 25, 26, 27, 51, 52)] == ["a", "z", "aa", "ab", "az", "ba"]


if __name__ == "__main__":
    for kind, config in KINDS.items():
        (GOLDEN / f"{kind}.xml").write_text(render(config))
