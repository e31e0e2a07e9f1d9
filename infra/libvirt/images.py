"""`Images` in a folder of this host."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

from application.ports.errors import EngineRefused
from domain.vm.devices import Device
from infra.libvirt.domain_xml import format_of

# Where the head of an image says how large the drive is: the offset, how it is written, and its unit in bytes.
SIZES = {"qcow2": (24, ">Q", 1), "qed": (48, "<Q", 1), "vdi": (0x170, "<Q", 1), "vmdk": (12, "<Q", 512)}
HEAD, FOOT = 512, -512
VPC = (48, ">Q", 1)  # the same, from where its foot begins


class VmImages:
    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def path(self, drive: Device) -> str:
        """`EngineRefused` for one that is not there, or leads out of the folder by some link."""
        path = (self._folder / drive["drive_image"]).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            raise EngineRefused(f'device "{drive["id"]}": drive_image: there is no image {drive["drive_image"]}')
        return str(path)

    async def size(self, drive: Device) -> int:
        return await asyncio.to_thread(self._size, drive)

    def _size(self, drive: Device) -> int:
        try:
            return size_of(Path(self.path(drive)), format_of(drive))
        except (EngineRefused, OSError, struct.error):
            return 0


def size_of(path: Path, format: str) -> int:
    """What is in no head that is read here is as large as its file."""
    with path.open("rb") as image:
        head = image.read(HEAD)
        length = image.seek(0, 2)
        if format == "vpc" and length >= -FOOT:
            image.seek(FOOT, 2)
            head, (at, how, unit) = image.read(), VPC
        elif format in SIZES:
            at, how, unit = SIZES[format]
        else:
            return length
    return int(struct.unpack_from(how, head, at)[0]) * unit
