"""A restored dump on the libvirt of the original: virtual machines that it does not know stay."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from domain.hypervisor import Hypervisor
from infra.wiring.epoch import settle_epoch
from tests.contracts.chrote.people import member
from tests.contracts.neptuned.machines import happened, started
from tests.contracts.neptuned.people import nobody
from tests.infra.wiring.test_epoch import copied
from tests.support.api_keys import new_key
from tests.support.databases import with_tables
from tests.support.libvirtd import GUEST, Libvirtd, libvirtd
from tests.support.server import Served, eventually, served
from tests.support.stories.vms import DISPLAY, document
from tests.support.vms import DISK, ONE_CORE, on

ORPHANS = "/api/v1/orphans"
UUID_CHARS = 36
SOON_S = 0.05  # a grace that is over at once


@dataclass(frozen=True)
class Site:
    """A Tenure whose virtual machines run on the test's libvirt."""

    served: Served
    owner: httpx.AsyncClient
    with_key: httpx.AsyncClient  # the owner's, for requests about virtual machines
    daemon: Libvirtd

    async def start(self, name: str) -> UUID:
        shutil.copy(GUEST, images_of(self.daemon) / f"{name}.img")  # QEMU locks the image of a machine that runs
        disk = DISK | {"drive_image": f"{name}.img"}
        await started(self.with_key, document(ONE_CORE, disk, DISPLAY, id=name, qemu_uuid=str(uuid4())))
        return await self.served.tenure.deps.neptuned.vm_configs.id_of(name)

    async def orphans(self) -> list[dict[str, Any]]:
        answer = await self.owner.get(ORPHANS)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()
        return rows

    async def has_no_orphans(self) -> bool:
        return not await self.orphans()

    async def compare_again(self) -> None:
        """Let libvirt go and come back, after which every domain is compared with the log once more."""
        reports = len(await happened(self.served, Hypervisor.id_of()))

        async def has(kind: str) -> bool:
            return kind in (await happened(self.served, Hypervisor.id_of()))[reports:]

        self.daemon.stop()
        await eventually(lambda: has("Lost"))
        self.daemon.start()
        await eventually(lambda: has("Found"))


@pytest.fixture
def daemon() -> Iterator[Libvirtd]:
    with libvirtd() as server:
        yield server


@asynccontextmanager
async def site(database: str, home: Path, daemon: Libvirtd) -> AsyncIterator[Site]:
    await with_tables(database)
    epoch = await settle_epoch(database, home, is_embedded=False)
    with psycopg.connect(database) as conn:
        (installation,) = conn.execute("select id from installation").fetchone() or (None,)
    hypervisor = on(daemon, images_of(daemon), installation, epoch.id)
    async with (
        served(database, home, hypervisor=hypervisor, orphan_seconds=SOON_S) as serving,
        member(serving, "owner") as owner,
        nobody(serving, **{"X-API-Key": (await new_key(owner))["key"]}) as with_key,
    ):
        yield Site(serving, owner, with_key, daemon)


def images_of(daemon: Libvirtd) -> Path:
    """The folder of images, which the homes share."""
    folder = daemon.home / "images"
    folder.mkdir(exist_ok=True)
    return folder


def vm_of(name: str) -> UUID:
    """The machine that a domain's name names."""
    return UUID(name[-UUID_CHARS:])


def running(daemon: Libvirtd) -> set[UUID]:
    """The machines that libvirt itself says are running."""
    return set(map(vm_of, daemon.virsh("list", "--name").stdout.split()))


@pytest.mark.fault("F43")
async def test_a_restored_dump_leaves_the_vms_of_the_original(database: str, tmp_path: Path, daemon: Libvirtd) -> None:
    async with site(database, tmp_path / "a", daemon) as original:
        first = await original.start("lab")
    with copied(database) as copy:
        async with site(database, tmp_path / "a", daemon) as original:
            second = await original.start("later")
        async with site(copy, tmp_path / "b", daemon) as restored:
            (orphan,) = await eventually(restored.orphans)
            assert (orphan["kind"], vm_of(orphan["name"]), orphan["destroy_at"]) == ("vm", second, None)
            await restored.compare_again()
            assert running(daemon) == {first, second} and len(await restored.orphans()) == 1

            answer = await restored.owner.delete(f"{ORPHANS}/{orphan['id']}")
            assert answer.status_code == 200, answer.text
            await eventually(restored.has_no_orphans)
            assert {*map(vm_of, daemon.domains())} == {first}
