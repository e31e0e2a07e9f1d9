"""The sizes of drives, compared with those that qemu-img reports."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.libvirt.images import VmImages
from tests.support.engines import lacking
from tests.support.stories.vms import DRIVE

SIZE_BYTES = 12 << 20


@pytest.mark.parametrize("format", ["raw", "qcow2", "qed", "vdi", "vmdk", "vpc"])
async def test_a_drive_is_as_large_as_qemu_says(format: str, tmp_path: Path) -> None:
    if not (qemu := shutil.which("qemu-img")):
        lacking("libvirt", "there is no qemu-img")
    assert qemu
    image = tmp_path / "disk.img"
    subprocess.run([qemu, "create", "-q", "-f", format, image, str(SIZE_BYTES)], check=True)
    info = subprocess.run([qemu, "info", "-f", format, "--output=json", image], check=True, capture_output=True)
    drive: Any = DRIVE | {"drive_image": image.name, "drive_format": format}
    size = await VmImages(tmp_path).size(drive)
    assert size == json.loads(info.stdout)["virtual-size"] >= SIZE_BYTES


async def test_what_is_not_there_or_makes_no_sense_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "disk.qcow2").write_bytes(b"short")
    images = VmImages(tmp_path)
    for name in ("disk.qcow2", "none.raw"):
        drive: Any = DRIVE | {"drive_image": name}
        assert await images.size(drive) == 0
