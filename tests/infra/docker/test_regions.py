"""Regions: each has its engine, and one that is away, or hangs, is nobody else's trouble."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from application.ports.machines import Machine
from domain.errors import Invalid
from domain.machine import Operation
from tests.support.fake_engine import Engine
from tests.support.regions import ADMIN, ENGINE, Places, places
from tests.support.server import eventually, sweep_of


async def runs(here: Places, id: UUID, region: str) -> None:
    async def there() -> bool:
        return await here.status(id) == "running" and id in here.engines[region].machines

    await eventually(there)


async def sweep(here: Places) -> list[UUID]:
    return await sweep_of(here.served.tenure).once()


async def test_a_machine_lives_and_ends_on_the_engine_of_its_region(database: str, tmp_path: Path) -> None:
    async with places(database, tmp_path) as here:
        assert here.opened == []  # nothing is opened before it is needed
        id = await here.ask("paris")
        await runs(here, id, "paris")
        workspaces = here.served.tenure.deps.vm_api.workspaces
        for operation, status in ((Operation.STOP, "stopped"), (Operation.START, "running")):
            await workspaces.operate(ADMIN, id, operation)
            await eventually(lambda status=status: has(here, id, status))
        await workspaces.operate(ADMIN, id, Operation.SNAPSHOT, label="one")
        await eventually(lambda: is_taken(here, id))
        taken = (await here.workspace(id)).snapshots[0]
        await workspaces.operate(ADMIN, id, Operation.RESTORE, snapshot_id=taken)
        await eventually(lambda: has(here, id, "running"))
        assert here.engines["paris"].restored.keys() == {id}
        await workspaces.operate(ADMIN, id, Operation.RESTART)
        await eventually(lambda: has(here, id, "running"))
        await workspaces.delete(ADMIN, id)
        await eventually(lambda: is_gone(here, "paris"))
        assert {call for call, _ in here.engines["local"].calls} <= {"all", "networks", "ping"}
        assert {region.name for region in here.opened} <= {"paris", "oslo"}
        assert len(here.opened) == len({region.name for region in here.opened}), "each is opened once"


async def has(here: Places, id: UUID, status: str) -> bool:
    it = await here.workspace(id)
    return it.status == status and not it.operation


async def is_taken(here: Places, id: UUID) -> bool:
    it = await here.workspace(id)
    return bool(it.snapshots) and not it.operation


async def is_gone(here: Places, region: str) -> bool:
    return not here.engines[region].machines and not here.engines[region].snapshots


async def test_an_engine_that_hangs_holds_up_only_its_own(database: str, tmp_path: Path) -> None:
    """As many machines as may be made at once wait for one engine; others are made meanwhile."""
    async with places(database, tmp_path, provision_concurrency=2) as here:
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

        here.engines["paris"] = Engine(before=hangs)
        stuck = [await here.ask("paris") for _ in range(6)]
        await eventually(lambda: holds(lambda: len(waiting) == 2))

        for region in ("local", "oslo", "local", "oslo"):
            await runs(here, await here.ask(region), region)
        assert [await here.status(id) for id in stuck] == ["creating"] * 6

        back.set()
        for id in stuck:
            await runs(here, id, "paris")
        assert most == 2  # never more at once on one engine than the setting says


async def holds(fact: object) -> bool:
    return bool(fact())  # type: ignore[operator]


async def test_one_that_is_away_comes_back_and_all_is_made_good(database: str, tmp_path: Path) -> None:
    async with places(database, tmp_path) as here:
        id = await here.ask("paris")
        await runs(here, id, "paris")
        here.engines["paris"].away = True
        later = await here.ask("paris")

        async def waits() -> bool:
            return (await here.workspace(later)).waiting == "the engine does not answer"

        await eventually(waits)
        here.engines["paris"].away = False
        await runs(here, later, "paris")


async def test_the_sweep_looks_at_every_engine_that_answers(database: str, tmp_path: Path) -> None:
    async with places(database, tmp_path) as here:
        ids = {region: await here.ask(region) for region in ("local", "paris", "oslo")}
        for region, id in ids.items():
            await runs(here, id, region)
        for region, id in ids.items():
            del here.engines[region].machines[id]
        here.engines["paris"].away = True
        strange = uuid4()
        here.engines["oslo"].machines[strange] = Machine(strange, f"tenure-{strange}", "its-engine-id", running=True)

        assert set(await sweep(here)) == {ids["local"], ids["oslo"], strange}
        assert [await here.status(id) for id in ids.values()] == ["failed", "running", "failed"]
        await eventually(lambda: holds(lambda: not here.engines["oslo"].machines))  # nobody held the strange one

        here.engines["paris"].away = False
        assert await sweep(here) == [ids["paris"]]
        assert await here.status(ids["paris"]) == "failed"


async def test_a_machine_that_is_where_it_ought_not_to_be_is_nobodys(database: str, tmp_path: Path) -> None:
    async with places(database, tmp_path) as here:
        id = await here.ask("paris")
        await runs(here, id, "paris")
        here.engines["local"].machines[id] = Machine(id, f"tenure-{id}", "a-copy", running=True)
        await sweep(here)
        await eventually(lambda: is_gone(here, "local"))
        assert id in here.engines["paris"].machines and await here.status(id) == "running"


async def test_readiness_shows_each_region_and_one_that_is_away_makes_it_degraded(
    database: str, tmp_path: Path
) -> None:
    async with places(database, tmp_path) as here, here.served.client(None) as nobody:
        told = await ready(nobody, 200, "ok")
        assert told["regions"] == {"ok": True, "regions": {"oslo": {"ok": True}, "paris": {"ok": True}}}

        here.engines["paris"].away = True
        told = await ready(nobody, 200, "degraded")
        away = {"ok": False, "error": "the engine does not answer"}
        assert told["regions"] == {
            "ok": False,
            "error": "away: paris",
            "regions": {"oslo": {"ok": True}, "paris": away},
        }
        here.engines["local"].away = True
        assert not (await ready(nobody, 503, "unavailable"))["engine"]["ok"]
        here.engines["local"].away = here.engines["paris"].away = False
        await ready(nobody, 200, "ok")


async def ready(nobody: httpx.AsyncClient, status: int, says: str) -> dict[str, dict[str, object]]:
    answer = await nobody.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (status, says), answer.text
    parts: dict[str, dict[str, object]] = answer.json()["parts"]
    return parts


async def test_a_region_added_here_is_used_moved_and_removed(database: str, tmp_path: Path) -> None:
    async with places(database, tmp_path) as here:
        regions = here.served.tenure.deps.native.regions
        with pytest.raises(Invalid, match='there is no region "rome"; there are local, oslo, paris'):
            await here.ask("rome")
        await regions.set(ADMIN, "rome", ENGINE)
        id = await here.ask("rome")
        await runs(here, id, "rome")

        await regions.set(ADMIN, "rome", ENGINE | {"url": "tcp://10.0.0.3:2375"})
        await runs(here, await here.ask("rome"), "rome")
        assert [it.url for it in here.opened if it.name == "rome"] == ["tcp://10.0.0.2:2375", "tcp://10.0.0.3:2375"]

        await regions.remove(ADMIN, "rome")
        with pytest.raises(Invalid, match='there is no region "rome"'):
            await here.ask("rome")
        await here.served.tenure.deps.vm_api.workspaces.delete(ADMIN, id)  # what is there still can be ended

        async def gone() -> bool:
            return id not in here.engines["rome"].machines

        await eventually(gone)
