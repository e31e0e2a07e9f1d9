"""Virtual machines on a real libvirt and QEMU: requests take effect, and outside changes are recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from domain.hypervisor import Hypervisor
from tests.contracts.neptuned.machines import (
    VMS,
    created,
    get_vm,
    happened,
    id_of,
    patch,
    replace,
    started,
    until_state,
)
from tests.contracts.neptuned.people import fine, person
from tests.support.libvirtd import Libvirtd, libvirtd
from tests.support.server import Served, eventually, served
from tests.support.vms import guest, images, on

LIMITED = {"drive_iops_limit": "100 200"}


@pytest.fixture(scope="module")
def daemon() -> Iterator[Libvirtd]:
    with libvirtd() as server:
        yield server


@pytest.fixture
async def place(daemon: Libvirtd, database: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with served(database, tmp_path, hypervisor=on(daemon, images(tmp_path / "vms"))) as serving:
        yield serving
    for domain in daemon.domains():
        daemon.virsh("destroy", domain, check=False)
        daemon.virsh("undefine", domain)


@pytest.fixture
async def ada(place: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with person(place, "ada") as client:
        yield client


async def says(place: Served, vm: UUID, kind: str) -> None:
    async def it_does() -> bool:
        return (await happened(place, vm))[-1:] == [kind]

    await eventually(it_does)


@pytest.mark.line("N55", "N56", "N59", "N60")
async def test_a_life(place: Served, daemon: Libvirtd, ada: httpx.AsyncClient) -> None:
    await started(ada, guest())
    (domain,) = daemon.domains()
    assert fine(await patch(ada, {"op": "add", "path": "/qemu_devices/1/drive_iops_limit", "value": "100 200"})) == {
        "needs_restart": False
    }
    assert "100" in daemon.virsh("blkdeviotune", domain, "hda").stdout
    assert fine(await patch(ada, replace("/name", "Other"))) == {"needs_restart": False}
    assert fine(await patch(ada, replace("/qemu_devices/0/cpu_cores", 2))) == {"needs_restart": True}
    assert daemon.virsh("vcpucount", domain, "--current").stdout.strip() == "1"
    (before,) = daemon.qemu()
    fine(await ada.post(f"{VMS}/lab/restart"))
    await eventually(lambda: is_another(daemon, before.pid))
    await until_state(ada, "running")
    assert daemon.virsh("vcpucount", domain, "--current").stdout.strip() == "2"
    fine(await ada.post(f"{VMS}/lab/stop"))
    await until_state(ada, "stopped")
    assert daemon.qemu() == []
    fine(await ada.post(f"{VMS}/lab/start"))
    await until_state(ada, "running")
    id = await id_of(place)
    fine(await ada.delete(f"{VMS}/lab"))
    await eventually(lambda: is_cleared(place, id))
    assert daemon.domains() == [] and daemon.qemu() == []


async def is_another(daemon: Libvirtd, pid: int) -> bool:
    return bool([process for process in daemon.qemu() if process.pid != pid])


async def is_cleared(place: Served, vm: UUID) -> bool:
    return (await happened(place, vm))[-1] == "Cleared"


async def test_what_happens_behind_our_back_is_said_soon(
    place: Served, daemon: Libvirtd, ada: httpx.AsyncClient
) -> None:
    await started(ada, guest())
    id, (domain,) = await id_of(place), daemon.domains()
    daemon.virsh("undefine", domain)
    await says(place, id, "Undefined")
    assert (await get_vm(ada))["state"] == "running"
    daemon.virsh("destroy", domain)
    await says(place, id, "Died")
    assert (await get_vm(ada))["state"] == "stopped"
    fine(await ada.post(f"{VMS}/lab/start"))
    await until_state(ada, "running")
    daemon.qemu()[0].kill()
    await says(place, id, "Died")
    assert (await get_vm(ada))["error"] == "QEMU has crashed, or was killed"
    assert (await happened(place, id)).count("Undefined") == 1  # what we do ourselves is not said


async def test_a_libvirtd_that_goes_and_comes_is_said_to_and_what_it_missed_is_seen(
    place: Served, daemon: Libvirtd, ada: httpx.AsyncClient
) -> None:
    await started(ada, guest())
    daemon.stop()
    try:
        await says(place, Hypervisor.id_of(), "Lost")
        assert (await get_vm(ada))["state"] == "running"
        daemon.qemu()[0].kill()
    finally:
        daemon.start()
    await says(place, await id_of(place), "Died")
    await says(place, Hypervisor.id_of(), "Found")
    assert (await get_vm(ada))["state"] == "stopped"


@pytest.mark.line("N10")
async def test_one_with_autostart_that_is_killed_comes_back(
    place: Served, daemon: Libvirtd, ada: httpx.AsyncClient
) -> None:
    await created(ada, guest(autostart=True))
    await until_state(ada, "running")
    (first,) = daemon.qemu()
    first.kill()
    await eventually(lambda: is_another(daemon, first.pid))
    await until_state(ada, "running")
    kinds = await happened(place, await id_of(place))
    assert kinds[-3:] == ["Died", "StartRequested", "Started"]


async def test_what_this_qemu_cannot_do_is_an_error_of_that_machine(daemon: Libvirtd, ada: httpx.AsyncClient) -> None:
    await created(ada, guest(qemu_machine_version="99.9"))
    fine(await ada.post(f"{VMS}/lab/start"))
    assert "pc-i440fx-99.9" in (await until_state(ada, "stopped"))["error"]
    fine(await patch(ada, replace("/qemu_machine_version", "")))
    twin = (await get_vm(ada))["qemu_uuid"]
    fine(await ada.post(f"{VMS}/lab/start"))
    await until_state(ada, "running")
    await created(ada, guest(id="twin", qemu_uuid=twin))
    fine(await ada.post(f"{VMS}/twin/start"))
    assert "already" in (await until_state(ada, "stopped", "twin"))["error"]
    assert len(daemon.domains()) == 1
