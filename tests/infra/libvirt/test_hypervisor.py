"""`Hypervisor` on a libvirtd and QEMU that the tests start."""

from __future__ import annotations

import asyncio
import copy
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from application.ports.displays import Act, Display
from application.ports.errors import EngineRefused, Unavailable
from application.ports.hypervisors import CRASHED, FOUND, LOST, STARTED, STOPPED, UNDEFINED, Fact, Hypervisor
from domain.errors import NotFound
from infra.libvirt.choose import choose_hypervisor
from infra.libvirt.hypervisor import LibvirtHypervisor
from infra.settings import Settings
from tests.support.libvirtd import Libvirtd, libvirtd
from tests.support.server import WAIT_TIMEOUT_S
from tests.support.stories.vms import CDROM, HBA, NETWORK, NIC
from tests.support.vms import DISK, guest, images, on, until_prompt, vm_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")
BLUE, GREEN = bytes((168, 0, 0)), bytes((0, 168, 0))  # as a display has it: blue first
ENTER_KEY = 0xFF0D


@pytest.fixture(scope="module")
def daemon() -> Iterator[Libvirtd]:
    with libvirtd() as daemon:
        yield daemon


@pytest.fixture(scope="module")
def folder(daemon: Libvirtd, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return images(tmp_path_factory.mktemp("vms"))


@pytest_asyncio.fixture(loop_scope="module")
async def hypervisor(daemon: Libvirtd, folder: Path) -> AsyncIterator[Hypervisor]:
    hypervisor = on(daemon, folder)
    yield hypervisor
    for vm in await hypervisor.running():
        await hypervisor.ensure_gone(vm)
    await hypervisor.close()


@asynccontextmanager
async def listen_to(hypervisor: Hypervisor) -> AsyncIterator[asyncio.Queue[Fact]]:
    """A queue of the hypervisor's facts after the first, which is that it answers."""
    facts: asyncio.Queue[Fact] = asyncio.Queue()

    async def listen() -> None:
        async for fact in hypervisor.facts():
            facts.put_nowait(fact)

    listening = asyncio.create_task(listen())
    try:
        assert await next_fact(facts) == Fact(None, FOUND)
        yield facts
    finally:
        listening.cancel()
        await asyncio.wait([listening])


async def next_fact(facts: asyncio.Queue[Fact]) -> Fact:
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        return await facts.get()


async def start_guest(hypervisor: Hypervisor) -> UUID:
    vm = uuid4()
    await hypervisor.ensure_running(vm, guest())
    return vm


async def test_a_machine_runs_until_it_is_stopped_and_then_nothing_is_left(
    hypervisor: Hypervisor, daemon: Libvirtd
) -> None:
    vm = uuid4()
    async with listen_to(hypervisor) as facts:
        for _ in range(2):
            await hypervisor.ensure_running(vm, guest())
        assert await hypervisor.running() == {vm}
        assert len(daemon.qemu()) == 1
        for _ in range(2):
            await hypervisor.ensure_stopped(vm)
        assert await hypervisor.running() == frozenset()
        for _ in range(2):
            await hypervisor.ensure_gone(vm)
        assert [await next_fact(facts) for _ in range(3)] == [Fact(vm, kind) for kind in (STARTED, STOPPED, UNDEFINED)]
        assert facts.empty()
    assert daemon.domains() == [] and daemon.qemu() == []


async def test_domains_of_others_are_none_of_ours(hypervisor: Hypervisor, daemon: Libvirtd, folder: Path) -> None:
    others = on(daemon, folder)
    try:
        async with listen_to(hypervisor) as facts:
            vm = await start_guest(others)
            assert await others.running() == {vm}
            assert await hypervisor.running() == frozenset()
            await hypervisor.ensure_gone(vm)
            assert await others.running() == {vm}
            await others.ensure_gone(vm)
            assert facts.empty()
    finally:
        await others.close()


async def test_what_this_host_cannot_do_is_said(hypervisor: Hypervisor, daemon: Libvirtd) -> None:
    with pytest.raises(EngineRefused, match="pc-i440fx-99.9"):
        await hypervisor.ensure_running(uuid4(), guest(qemu_machine_version="99.9"))
    assert daemon.domains() == []


async def test_an_image_that_is_not_in_the_folder_is_none(hypervisor: Hypervisor, folder: Path) -> None:
    (folder / "away.img").symlink_to("/etc/hostname")
    for image in ("none.img", "away.img"):
        config = guest()
        config["qemu_devices"][1] = DISK | {"drive_image": image}
        with pytest.raises(EngineRefused, match=f'device "disk": drive_image: there is no image {image}'):
            await hypervisor.ensure_running(uuid4(), config)


async def test_what_can_be_changed_while_it_runs_is_changed(
    hypervisor: Hypervisor, daemon: Libvirtd, folder: Path
) -> None:
    (folder / "other.iso").write_bytes(bytes(1 << 16))
    vm, tray = uuid4(), CDROM | {"id": "tray", "drive_bus": "scsi"}
    config_before = guest(HBA, tray)

    async def changes(config: Any) -> bool:
        """Change the machine. Returns whether the change needs a restart."""
        nonlocal config_before
        before, config_before = config_before, config
        return await hypervisor.change(vm, before, config)

    assert not await changes(guest(HBA, tray))  # it does not run
    await hypervisor.ensure_running(vm, config_before)
    (name,) = daemon.domains()

    limited = copy.deepcopy(config_before)
    limited["qemu_devices"][1]["drive_bps_limit"] = "15000000 25000000"
    limited["qemu_devices"][1]["drive_iops_limit"] = "1000 1500"
    assert not await changes(copy.deepcopy(limited) | {"name": "Another name", "autostart": True, "private": True})
    assert limits_of_first_drive(daemon, name) == {
        "total_bytes_sec": 15000000,
        "total_bytes_sec_max": 25000000,
        "total_iops_sec": 1000,
        "total_iops_sec_max": 1500,
    }
    del limited["qemu_devices"][1]["drive_bps_limit"]
    assert not await changes(copy.deepcopy(limited))
    assert limits_of_first_drive(daemon, name) == {"total_iops_sec": 1000, "total_iops_sec_max": 1500}

    with_disc = copy.deepcopy(config_before)
    with_disc["qemu_devices"][-1]["drive_image"] = "other.iso"
    assert not await changes(with_disc)
    assert "other.iso" in daemon.virsh("domblklist", name).stdout

    with_card = copy.deepcopy(config_before)
    with_card["qemu_devices"] += [NETWORK, NIC]
    assert not await changes(with_card)
    assert NIC["nic_mac"] in daemon.virsh("domiflist", name).stdout

    more = copy.deepcopy(config_before)
    more["qemu_devices"][0]["cpu_cores"] = 2
    assert await changes(more)
    assert await changes(more | {"qemu_devices": more["qemu_devices"][:-2]})  # a card cannot be torn out


@pytest.mark.fault("F47")
async def test_a_card_that_is_taken_out_is_out_or_needs_a_restart(hypervisor: Hypervisor, daemon: Libvirtd) -> None:
    """As the domain says afterwards. The firmware gives no card back; a guest that has booted may."""
    vm, without_card = uuid4(), guest()
    with_card = copy.deepcopy(without_card)
    with_card["qemu_devices"] += [NETWORK, NIC]
    await hypervisor.ensure_running(vm, without_card)
    (name,) = daemon.domains()

    def has_card() -> bool:
        return NIC["nic_mac"] in daemon.virsh("domiflist", name).stdout

    assert not await hypervisor.change(vm, without_card, with_card) and has_card()
    assert await hypervisor.change(vm, with_card, without_card) == has_card()
    assert await hypervisor.change(vm, without_card, without_card) == has_card()
    async with hypervisor.watch(vm) as display:
        await until_prompt(display)
    if not has_card():
        assert not await hypervisor.change(vm, without_card, with_card)
    assert not await hypervisor.change(vm, with_card, without_card)
    assert not has_card()


@pytest.mark.fault("F43")
async def test_a_machine_tells_which_log_has_started_it(daemon: Libvirtd, folder: Path) -> None:
    installation, vm = uuid4(), uuid4()
    settings = Settings(**vm_settings(daemon, folder))
    one, other = (choose_hypervisor(settings, installation, epoch=uuid4()) for _ in range(2))
    try:
        await one.ensure_running(vm, guest())
        for hypervisor, is_of_this_log in ((one, True), (other, False)):
            running = await hypervisor.inspect(vm)
            assert running and running.is_of_this_log is is_of_this_log
        assert await one.inspect(uuid4()) is None
        first = await one.inspect(vm)
        await one.ensure_stopped(vm)
        assert await one.inspect(vm) is None
        await one.ensure_running(vm, guest())
        second = await one.inspect(vm)
        assert first and second and first.engine_id != second.engine_id
        await one.ensure_gone(vm)
    finally:
        await one.close()
        await other.close()


def limits_of_first_drive(daemon: Libvirtd, name: str) -> dict[str, int]:
    """The limits of the first drive that are set."""
    pairs = (line.split(":") for line in daemon.virsh("blkdeviotune", name, "hda").stdout.splitlines() if line)
    limits = {key.strip(): value.strip() for key, value in pairs}
    return {key: int(value) for key, value in limits.items() if "_sec" in key and "length" not in key and int(value)}


async def test_what_happens_behind_our_back_is_told(hypervisor: Hypervisor, daemon: Libvirtd) -> None:
    async with listen_to(hypervisor) as facts:
        vm = await start_guest(hypervisor)
        assert await next_fact(facts) == Fact(vm, STARTED)
        (name,) = daemon.domains()
        daemon.virsh("destroy", name)
        assert await next_fact(facts) == Fact(vm, STOPPED)
        daemon.virsh("undefine", name)
        assert await next_fact(facts) == Fact(vm, UNDEFINED)


async def test_a_qemu_that_is_killed_has_crashed(hypervisor: Hypervisor, daemon: Libvirtd) -> None:
    async with listen_to(hypervisor) as facts:
        vm = await start_guest(hypervisor)
        assert await next_fact(facts) == Fact(vm, STARTED)
        (qemu,) = daemon.qemu()
        qemu.kill()
        assert await next_fact(facts) == Fact(vm, CRASHED)
        assert await hypervisor.running() == frozenset()


async def test_a_libvirtd_that_is_restarted_is_found_again(hypervisor: Hypervisor, daemon: Libvirtd) -> None:
    async with listen_to(hypervisor) as facts:
        vm = await start_guest(hypervisor)
        assert await next_fact(facts) == Fact(vm, STARTED)
        daemon.stop()
        assert await next_fact(facts) == Fact(None, LOST)
        with pytest.raises(Unavailable):
            await hypervisor.running()
        daemon.start()
        assert await next_fact(facts) == Fact(None, FOUND)
        assert await hypervisor.running() == {vm}
        await hypervisor.ensure_gone(vm)
        assert [await next_fact(facts), await next_fact(facts)] == [Fact(vm, STOPPED), Fact(vm, UNDEFINED)]


async def test_a_libvirtd_that_is_not_there_is_looked_for(tmp_path: Path) -> None:
    nowhere = LibvirtHypervisor(f"qemu+unix:///system?socket={tmp_path}/none", uuid4(), lambda config, name: "")
    with pytest.raises(Unavailable):
        await nowhere.ping()
    async for fact in nowhere.facts():
        assert fact == Fact(None, LOST)
        break
    await nowhere.close()


async def test_its_display_is_shown_and_can_be_used(hypervisor: Hypervisor) -> None:
    vm = await start_guest(hypervisor)
    async with hypervisor.watch(vm) as display, hypervisor.watch(vm) as other:
        await until_prompt(display)
        await types_until(display, "blue", BLUE)
        assert display.size == (720, 400)
        assert await other.next() and other.size == display.size
        await types_until(other, "green", GREEN)
        async with asyncio.timeout(5):
            while not is_filled(await display.next(), GREEN):
                pass
    picture = await hypervisor.screenshot(vm)
    assert picture.startswith(b"\x89PNG")
    async with hypervisor.watch(vm) as display:
        await hypervisor.ensure_gone(vm)
        with pytest.raises(NotFound):
            while await display.next():
                pass
    for ask in (hypervisor.screenshot(vm), hypervisor.watch(vm).__aenter__()):
        with pytest.raises(NotFound):
            await ask


async def types_until(display: Display, word: str, colour: bytes) -> None:
    """Type the word until the screen has this colour."""
    async with asyncio.timeout(60):
        while True:
            for key in (*map(ord, word), ENTER_KEY):
                await display.act(Act("keypress", code=key))
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    while not is_filled(await display.next(), colour):
                        pass
                    return


def is_filled(picture: bytes, colour: bytes) -> bool:
    return picture[-4:-1] == colour


async def test_without_its_sdk_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)
    none = choose_hypervisor(Settings(), uuid4())
    assert none.absent and "libvirt" in none.absent
    for ask in (none.ping(), none.running(), none.screenshot(uuid4())):
        with pytest.raises(Unavailable):
            await ask
    async for fact in none.facts():
        assert fact == Fact(None, LOST)
        break
