"""Regions: each has its own engine; one that does not answer, or hangs, delays only its own machines."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from application.ports.machines import Machine
from domain.errors import Invalid
from domain.machine import Operation
from tests.support.fake_engine import Engine
from tests.support.regions import ADMIN, ENGINE, Places, places
from tests.support.server import eventually


async def runs(site: Places, id: UUID, region: str) -> None:
    async def is_running() -> bool:
        return await site.status(id) == "running" and id in site.engines[region].machines

    await eventually(is_running)


async def test_a_machine_lives_and_ends_on_the_engine_of_its_region(database: str, tmp_path: Path) -> None:
    async with places(database, tmp_path) as site:
        assert site.opened == []  # nothing is opened before it is needed
        id = await site.ask("paris")
        await runs(site, id, "paris")
        workspaces = site.served.tenure.deps.vm_api.workspaces
        for operation, status in ((Operation.STOP, "stopped"), (Operation.START, "running")):
            await workspaces.operate(ADMIN, id, operation)
            await eventually(partial(has, site, id, status))
        await workspaces.operate(ADMIN, id, Operation.SNAPSHOT, label="one")
        await eventually(lambda: is_taken(site, id))
        snapshot_id = (await site.workspace(id)).snapshots[0]
        await workspaces.operate(ADMIN, id, Operation.RESTORE, snapshot_id=snapshot_id)
        await eventually(lambda: has(site, id, "running"))
        assert site.engines["paris"].restored.keys() == {id}
        await workspaces.operate(ADMIN, id, Operation.RESTART)
        await eventually(lambda: has(site, id, "running"))
        await workspaces.delete(ADMIN, id)
        await eventually(lambda: is_gone(site, "paris"))
        assert {call for call, _ in site.engines["local"].calls} <= {"all", "networks", "ping"}
        assert {region.name for region in site.opened} <= {"paris", "oslo"}
        assert len(site.opened) == len({region.name for region in site.opened}), "each is opened once"


async def has(site: Places, id: UUID, status: str) -> bool:
    workspace = await site.workspace(id)
    return workspace.status == status and not workspace.operation


async def is_taken(site: Places, id: UUID) -> bool:
    workspace = await site.workspace(id)
    return bool(workspace.snapshots) and not workspace.operation


async def is_gone(site: Places, region: str) -> bool:
    return not site.engines[region].machines and not site.engines[region].snapshots


async def test_an_engine_that_hangs_holds_up_only_its_own(database: str, tmp_path: Path) -> None:
    """Machines of other regions are made while all slots of one region wait for an engine that hangs."""
    async with places(database, tmp_path, provision_concurrency=2) as site:
        back = asyncio.Event()
        most = 0
        waiting: set[object] = set()

        async def hangs(call: str, id: UUID | None) -> None:
            nonlocal most
            if call == "ensure_running":
                waiting.add(id)
                most = max(most, len(waiting))
                await back.wait()
                waiting.discard(id)

        site.engines["paris"] = Engine(before=hangs)
        stuck = [await site.ask("paris") for _ in range(6)]
        await eventually(lambda: holds(lambda: len(waiting) == 2))

        for region in ("local", "oslo", "local", "oslo"):
            await runs(site, await site.ask(region), region)
        assert [await site.status(id) for id in stuck] == ["creating"] * 6

        back.set()
        for id in stuck:
            await runs(site, id, "paris")
        assert most == 2  # never more at once on one engine than the setting says


async def holds(fact: object) -> bool:
    return bool(fact())  # type: ignore[operator]


async def test_one_that_is_away_comes_back_and_all_is_made_good(database: str, tmp_path: Path) -> None:
    async with places(database, tmp_path) as site:
        id = await site.ask("paris")
        await runs(site, id, "paris")
        site.engines["paris"].away = True
        later = await site.ask("paris")

        async def waits() -> bool:
            return (await site.workspace(later)).waiting == "the engine does not answer"

        await eventually(waits)
        site.engines["paris"].away = False
        await runs(site, later, "paris")


@pytest.mark.fault("F54")
async def test_the_sweep_looks_at_every_engine_that_answers(database: str, tmp_path: Path) -> None:
    async with places(database, tmp_path, orphan_seconds=0.05) as site:
        ids = {region: await site.ask(region) for region in ("local", "paris", "oslo")}
        for region, id in ids.items():
            await runs(site, id, region)
        for region, id in ids.items():
            del site.engines[region].machines[id]
        site.engines["paris"].away = True
        strange = uuid4()
        site.engines["oslo"].machines[strange] = Machine(strange, f"tenure-{strange}", "its-engine-id", running=True)

        assert set(await site.served.tenure.sweep.run_once()) == {ids["local"], ids["oslo"], strange}
        assert [await site.status(id) for id in ids.values()] == ["failed", "running", "failed"]
        await eventually(lambda: holds(lambda: not site.engines["oslo"].machines))  # the orphan is destroyed

        site.engines["paris"].away = False
        assert await site.served.tenure.sweep.run_once() == [ids["paris"]]
        assert await site.status(ids["paris"]) == "failed"


async def test_a_machine_that_is_where_it_ought_not_to_be_is_nobodys(database: str, tmp_path: Path) -> None:
    async with places(database, tmp_path, orphan_seconds=0.05) as site:
        id = await site.ask("paris")
        await runs(site, id, "paris")
        site.engines["local"].machines[id] = Machine(id, f"tenure-{id}", "a-copy", running=True)
        await site.served.tenure.sweep.run_once()
        await eventually(lambda: is_gone(site, "local"))
        assert id in site.engines["paris"].machines and await site.status(id) == "running"


async def test_readiness_shows_each_region_and_one_that_is_away_makes_it_degraded(
    database: str, tmp_path: Path
) -> None:
    async with places(database, tmp_path) as site, site.served.client(None) as nobody:
        parts = await ready(nobody, 200, "ok")
        assert parts["regions"] == {"ok": True, "regions": {"oslo": {"ok": True}, "paris": {"ok": True}}}

        site.engines["paris"].away = True
        parts = await ready(nobody, 200, "degraded")
        away = {"ok": False, "error": "the engine does not answer"}
        assert parts["regions"] == {
            "ok": False,
            "error": "away: paris",
            "regions": {"oslo": {"ok": True}, "paris": away},
        }
        site.engines["local"].away = True
        assert not (await ready(nobody, 503, "unavailable"))["engine"]["ok"]
        site.engines["local"].away = site.engines["paris"].away = False
        await ready(nobody, 200, "ok")


async def ready(nobody: httpx.AsyncClient, status: int, says: str) -> dict[str, dict[str, object]]:
    answer = await nobody.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (status, says), answer.text
    parts: dict[str, dict[str, object]] = answer.json()["parts"]
    return parts


async def test_a_region_added_here_is_used_moved_and_removed(database: str, tmp_path: Path) -> None:
    async with places(database, tmp_path) as site:
        regions = site.served.tenure.deps.native.regions
        with pytest.raises(Invalid, match='there is no region "rome"; there are local, oslo, paris'):
            await site.ask("rome")
        await regions.set(ADMIN, "rome", ENGINE)
        id = await site.ask("rome")
        await runs(site, id, "rome")

        await regions.set(ADMIN, "rome", {**ENGINE, "url": "tcp://10.0.0.3:2375"})
        await runs(site, await site.ask("rome"), "rome")
        assert [region.url for region in site.opened if region.name == "rome"] == [
            "tcp://10.0.0.2:2375",
            "tcp://10.0.0.3:2375",
        ]

        await regions.remove(ADMIN, "rome")
        with pytest.raises(Invalid, match='there is no region "rome"'):
            await site.ask("rome")
        await site.served.tenure.deps.vm_api.workspaces.delete(ADMIN, id)  # a removed region keeps its machines

        async def is_removed() -> bool:
            return id not in site.engines["rome"].machines

        await eventually(is_removed)
