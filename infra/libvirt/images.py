"""`Images` in a folder of this host."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from pathlib import Path

from application.ports.errors import EngineRefused
from domain.vm.devices import Drive
from infra.libvirt.domain_xml import format_of

HEADER_BYTES = 512
FOOTER_BYTES = 512
SECTOR_BYTES = 512


@dataclass(frozen=True)
class SizeField:
    """Where an image file says how large its drive is."""

    offset: int
    layout: str  # for `struct`
    unit: int = 1  # bytes


# By format; the offsets are those of QEMU's block drivers (block/qcow2.h, qed.h, vdi.c, vmdk.c).
HEADER_FIELDS = {
    "qcow2": SizeField(24, ">Q"),
    "qed": SizeField(48, "<Q"),
    "vdi": SizeField(0x170, "<Q"),
    "vmdk": SizeField(12, "<Q", SECTOR_BYTES),
}
VPC_FOOTER_FIELD = SizeField(48, ">Q")  # block/vpc.c: this format has a footer, not a header


class VmImages:
    """`Images`: the files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def path(self, drive: Drive) -> str:
        """The absolute path of a drive's image. `EngineRefused` if it is missing, or a link leads out of the folder."""
        path = (self._folder / drive["drive_image"]).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            raise EngineRefused(f'device "{drive["id"]}": drive_image: there is no image {drive["drive_image"]}')
        return str(path)

    async def size(self, drive: Drive) -> int:
        return await asyncio.to_thread(self._size, drive)

    def _size(self, drive: Drive) -> int:
        try:
            return size_of(Path(self.path(drive)), format_of(drive))
        except (EngineRefused, OSError, struct.error):
            return 0


def size_of(path: Path, format: str) -> int:
    """The drive's size in bytes. A format without a known field is as large as its file.

    Raises `OSError`, and `struct.error` for a file that is too short.
    """
    with path.open("rb") as image:
        data = image.read(HEADER_BYTES)
        file_size = image.seek(0, 2)
        if format == "vpc" and file_size >= FOOTER_BYTES:
            image.seek(-FOOTER_BYTES, 2)
            data, field = image.read(), VPC_FOOTER_FIELD
        elif format in HEADER_FIELDS:
            field = HEADER_FIELDS[format]
        else:
            return file_size
    return int(struct.unpack_from(field.layout, data, field.offset)[0]) * field.unit
