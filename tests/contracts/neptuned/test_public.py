"""The public list of running machines, with pictures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.contracts.neptuned.machines import VMS, created, id_of, patch, replace, started, until_state
from tests.contracts.neptuned.people import BASE, fine, nobody, refused
from tests.support.painted_vms import GREEN, Painted
from tests.support.server import Served, eventually, served
from tests.support.stories.vms import CDROM, CPU, DRIVE, MDEV, document

BYTES_PER_MIB = 1 << 20


@pytest.fixture
async def tenure(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """A Tenure whose virtual machines have displays."""
    async with served(database, tmp_path, hypervisor=Painted()) as serving:
        yield serving


@pytest.fixture
def painted(tenure: Served) -> Painted:
    assert isinstance(tenure.hypervisor, Painted)
    return tenure.hypervisor


@pytest.mark.line("N01", "N07", "N25", "N26")
async def test_who_runs_is_listed_and_nobody_else(tenure: Served, ada: httpx.AsyncClient) -> None:
    images = tenure.tenure.settings.home / "vms"
    images.mkdir()
    (images / "disk.raw").write_bytes(bytes(BYTES_PER_MIB))
    disk = DRIVE | {"drive_image": "disk.raw"}
    await started(ada, document(CPU, disk, CDROM, MDEV))
    await created(ada, id="other")
    lab = {
        "id": "lab",
        "name": "Lab",
        "info": {
            "hypervisor": "qemu",
            "os": {"kind": "other", "arch": "x86_64"},
            "disk": [{"type": "hdd", "size": BYTES_PER_MIB}],
            "graphics": {"type": "burst"},
        },
    }
    async with nobody(tenure) as anybody:
        assert fine(await anybody.get(f"{BASE}/list")) == [lab]
        assert fine(await anybody.get(f"{BASE}/list/lab")) == lab
        for vm in ("other", "nowhere"):
            refused(await anybody.get(f"{BASE}/list/{vm}"), 404)
        fine(await ada.post(f"{VMS}/lab/stop"))
        await until_state(ada, "stopped")
        assert fine(await anybody.get(f"{BASE}/list")) == []
        refused(await anybody.get(f"{BASE}/list/lab"), 404)


@pytest.mark.line("N07")
async def test_a_display_of_its_own_has_memory(tenure: Served, ada: httpx.AsyncClient) -> None:
    await started(ada)
    info = fine(await ada.get(f"{BASE}/list/lab"))["info"]
    assert info["graphics"] == {"type": "vga", "vram_size": 16 * BYTES_PER_MIB}
    assert info["disk"] == [{"type": "ssd", "size": 0}]  # there is no such image here


@pytest.mark.line("N27", "N28")
async def test_a_screenshot_is_small_and_fresh(tenure: Served, ada: httpx.AsyncClient, painted: Painted) -> None:
    await started(ada)
    await created(ada, id="other")
    async with nobody(tenure) as anybody:
        picture = await anybody.get(f"{BASE}/screenshot/lab")
        assert picture.status_code == 200 and picture.headers["content-type"] == "image/png"
        assert picture.headers["cache-control"] == "no-store"
        assert width_of(picture.content) == 400
        painted.paint(GREEN)

        async def other() -> bool:
            return (await anybody.get(f"{BASE}/screenshot/lab")).content != picture.content

        await eventually(other)
        for vm in ("other", "nowhere"):
            refused(await anybody.get(f"{BASE}/screenshot/{vm}"), 404)
        painted.crash(await id_of(tenure))
        await until_state(ada, "stopped")
        refused(await anybody.get(f"{BASE}/screenshot/lab"), 404)


@pytest.mark.line("N11")
async def test_a_private_machine_is_listed_with_a_picture_of_nothing(
    tenure: Served, ada: httpx.AsyncClient, painted: Painted
) -> None:
    await started(ada, private=True)
    async with nobody(tenure) as anybody:
        assert [vm["id"] for vm in fine(await anybody.get(f"{BASE}/list"))] == ["lab"]
        dummy = await anybody.get(f"{BASE}/screenshot/lab")
        assert dummy.status_code == 200 and width_of(dummy.content) == 320
        assert painted.shots == 0
        fine(await patch(ada, replace("/private", False)))
        assert (await anybody.get(f"{BASE}/screenshot/lab")).content != dummy.content


def width_of(png: bytes) -> int:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(png[16:20], "big")
