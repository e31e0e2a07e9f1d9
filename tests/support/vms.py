"""Virtual machines for tests: settings, an image and a configuration that boots."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from application.ports.displays import Display
from application.ports.hypervisors import Hypervisor
from infra.libvirt.choose import choose_hypervisor
from infra.settings import Settings
from tests.support.libvirtd import GUEST, Libvirtd
from tests.support.stories.vms import CPU, DISPLAY, DRIVE, document

ONE_CORE = CPU | {"cpu_cores": 1}
DISK = DRIVE | {"drive_image": "guest.img", "drive_format": "raw"}
MEMORY_MB = 192
BOOT_TIMEOUT_S = 60.0
CHARACTER_WIDTH, CHARACTER_HEIGHT = 9, 16  # pixels of the guest's text
PROMPT_CHARS = 7  # "guest$ " stands alone in the second line


def images(home: Path) -> Path:
    """A folder with an image of the guest."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(GUEST, home / "guest.img")
    return home


def guest(*devices: dict[str, Any], **fields: Any) -> Any:
    """A configuration that boots it."""
    return document(ONE_CORE, DISK, DISPLAY, *devices, **{"qemu_uuid": str(uuid4()), **fields})


def vm_settings(daemon: Libvirtd, folder: Path) -> dict[str, Any]:
    # Emulated, since a KVM that is there need not work, and the tests are to be the same everywhere.
    return {"libvirt_uri": daemon.uri, "vm_images": str(folder), "vm_memory_mb": MEMORY_MB, "vm_kvm": "off"}


def on(daemon: Libvirtd, folder: Path, installation: UUID | None = None, epoch: UUID | None = None) -> Hypervisor:
    return choose_hypervisor(Settings(**vm_settings(daemon, folder)), installation or uuid4(), epoch)


async def until_prompt(display: Display) -> None:
    """Wait for the prompt of the guest's shell. Its kernel may find no keyboard if keys are pressed while it boots."""
    async with asyncio.timeout(BOOT_TIMEOUT_S):
        while not shows_prompt(await display.next(), display.size[0]):
            pass


def shows_prompt(picture: bytes, width: int) -> bool:
    """Whether the screen has a full first line, the prompt in the second, and nothing else. `picture` is BGRX."""
    row_bytes = width * 4
    line_bytes = CHARACTER_HEIGHT * row_bytes
    first, second, rest = picture[:line_bytes], picture[line_bytes : 2 * line_bytes], picture[2 * line_bytes :]
    prompt_bytes = PROMPT_CHARS * CHARACTER_WIDTH * 4
    rows = [second[start : start + row_bytes] for start in range(0, len(second), row_bytes)]
    prompt = b"".join(row[:prompt_bytes] for row in rows)
    right = b"".join(row[prompt_bytes:] for row in rows)
    return is_lit(first) and is_lit(prompt) and not is_lit(right) and not is_lit(rest)


def is_lit(pixels: bytes) -> bool:
    """Whether any pixel has blue, as white and grey text has. The fourth byte of a pixel is padding."""
    return any(pixels[::4])
