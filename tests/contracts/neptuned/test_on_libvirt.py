"""A real machine, under a real libvirtd and QEMU, watched by a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from tests.contracts.neptuned.consoles import token
from tests.contracts.neptuned.machines import VMS, created, patch, replace, until_state
from tests.contracts.neptuned.people import BASE, fine, nobody, refused
from tests.support.chromium import Page, page
from tests.support.libvirtd import GUEST, Libvirtd, libvirtd
from tests.support.server import Served, eventually, served
from tests.support.vms import BOOT_TIMEOUT_S, guest, images, on, until_prompt, vm_settings

RED, GREEN, BLUE = (170, 0, 0), (0, 170, 0), (0, 0, 170)
VIDEO = 'document.getElementById("display")'
PIXEL = f"""(() => {{
  const video = {VIDEO};
  if (!video?.videoWidth) return null;
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight), paper = canvas.getContext("2d");
  paper.drawImage(video, 0, 0);
  return [...paper.getImageData(video.videoWidth / 2, video.videoHeight / 2, 1, 1).data.slice(0, 3)];
}})()"""


@pytest.fixture(scope="module")
def daemon() -> Iterator[Libvirtd]:
    with libvirtd() as server:
        yield server


@pytest.fixture
async def tenure(daemon: Libvirtd, database: str, tmp_path: Path) -> AsyncIterator[Served]:
    folder = images(tmp_path / "images")
    settings = vm_settings(daemon, folder)
    async with served(database, tmp_path / "home", hypervisor=on(daemon, folder), **settings) as serving:
        yield serving
        for vm in await serving.hypervisor.running():
            await serving.hypervisor.ensure_gone(vm)


def alike(actual: Any, expected: tuple[int, ...]) -> bool:
    """Whether two colours are close: video encoding changes them slightly."""
    return actual is not None and all(abs(a - b) < 50 for a, b in zip(actual, expected, strict=True))


async def types(page: Page, word: str) -> None:
    for key in (*word, "Enter"):
        await page.press(key)


async def types_until(page: Page, word: str, colour: tuple[int, ...]) -> None:
    """Type the word again until the video has this colour."""

    async def has_colour() -> bool:
        await types(page, word)
        for _ in range(10):
            if alike(await page.run(PIXEL), colour):
                return True
            await asyncio.sleep(0.1)
        return False

    await eventually(has_colour, BOOT_TIMEOUT_S)


async def until_booted(tenure: Served) -> None:
    (vm,) = await tenure.hypervisor.running()
    async with tenure.hypervisor.watch(vm) as display:
        await until_prompt(display)


async def picture(client: httpx.AsyncClient) -> tuple[int, ...]:
    """The colour in the middle of the machine's screenshot."""
    png = await client.get(f"{BASE}/screenshot/lab")
    assert png.status_code == 200, png.text
    decoder = av.CodecContext.create("png", "r")
    (frame,) = decoder.decode(av.Packet(png.content))
    assert frame.width == 400
    plane = frame.reformat(format="rgb24").planes[0]
    return tuple(bytes(plane)[plane.line_size * (frame.height // 2) + 600 :][:3])


@pytest.mark.line("N10", "N25", "N26", "N27", "N29", "N33", "N56", "N57", "N59", "N60")
async def test_a_machine_from_its_creation_until_nothing_is_left(
    tenure: Served, daemon: Libvirtd, ada: httpx.AsyncClient, tmp_path: Path
) -> None:
    await created(ada, guest(autostart=True))
    await until_state(ada, "running")
    async with nobody(tenure) as anybody:
        (listed,) = fine(await anybody.get(f"{BASE}/list"))
        assert listed["info"]["disk"] == [{"type": "hdd", "size": GUEST.stat().st_size}]
        (name,) = daemon.domains()

        async with page(f"{tenure.url}{BASE}/console/lab#token={token(ada)}", tmp_path / "chromium") as browser:
            await eventually(lambda: browser.run(f"{VIDEO}?.videoWidth"), BOOT_TIMEOUT_S)
            await browser.click(640, 300)
            await until_booted(tenure)
            await types_until(browser, "blue", BLUE)
            assert alike(await picture(anybody), BLUE)
            await types_until(browser, "green", GREEN)

            assert fine(await patch(ada, replace("/name", "Another")))["needs_restart"] is False
            limit = {"op": "add", "path": "/qemu_devices/1/drive_iops_limit", "value": "1000 1500"}
            assert fine(await patch(ada, limit))["needs_restart"] is False
            assert "1500" in daemon.virsh("blkdeviotune", name, "hda").stdout
            assert fine(await patch(ada, replace("/qemu_devices/0/cpu_cores", 2)))["needs_restart"] is True
            (before,) = daemon.qemu()
            fine(await ada.post(f"{VMS}/lab/restart"))
            await eventually(lambda: asyncio.sleep(0, before not in daemon.qemu() and daemon.qemu()))
            await until_state(ada, "running")
            assert daemon.virsh("vcpucount", name, "--live", "--current", check=False).stdout.strip() == "2"
            await until_booted(tenure)
            await types_until(browser, "red", RED)  # the page has come back by itself

        fine(await ada.post(f"{VMS}/lab/stop"))
        await until_state(ada, "stopped")
        assert daemon.qemu() == []
        refused(await anybody.get(f"{BASE}/screenshot/lab"), 404)
        fine(await ada.delete(f"{VMS}/lab"))
        await eventually(lambda: asyncio.sleep(0, not daemon.domains()))
