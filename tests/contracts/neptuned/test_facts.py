"""Changes made to virtual machines outside Tenure are recorded, and the API shows the true state."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from domain.hypervisor import Hypervisor
from tests.contracts.neptuned.machines import LAB, VMS, created, get_vm, happened, id_of, started, until_state
from tests.contracts.neptuned.people import fine, nobody, person
from tests.support.fake_hypervisor import FakeHypervisor
from tests.support.server import Served, eventually, served


async def test_one_that_is_killed_is_dead(tenure: Served, ada: httpx.AsyncClient) -> None:
    await started(ada)
    id = await id_of(tenure)
    tenure.hypervisor.crash(id)
    await eventually(lambda: has(ada, "stopped"))
    assert (await get_vm(ada))["error"] == "QEMU has crashed, or was killed"
    fine(await ada.post(f"{VMS}/lab/start"))
    await until_state(ada, "running")
    tenure.hypervisor.switch_off(id)
    await eventually(lambda: has(ada, "stopped"))
    assert (await happened(tenure, id)).count("Died") == 2


async def has(ada: httpx.AsyncClient, state: str) -> bool:
    return bool((await get_vm(ada))["state"] == state)


@pytest.mark.line("N10")
async def test_one_with_autostart_comes_back(tenure: Served, ada: httpx.AsyncClient) -> None:
    await created(ada, autostart=True)
    await until_state(ada, "running")
    id = await id_of(tenure)
    tenure.hypervisor.crash(id)

    async def back() -> bool:
        return (await happened(tenure, id))[-3:] == ["Died", "StartRequested", "Started"]

    await eventually(back)
    assert await has(ada, "running") and id in tenure.hypervisor.on


async def test_one_that_waits_to_come_back_can_be_stopped(tenure: Served, ada: httpx.AsyncClient) -> None:
    tenure.hypervisor.refuses = "no"
    await created(ada, autostart=True)
    await until_state(ada, "stopped")
    fine(await ada.post(f"{VMS}/lab/stop"))
    id = await id_of(tenure)

    async def stopped() -> bool:
        return (await happened(tenure, id))[-1] == "Stopped"

    await eventually(stopped)
    assert tenure.hypervisor.on == {} and "error" not in await get_vm(ada)


async def test_one_that_somebody_else_started_runs(tenure: Served, ada: httpx.AsyncClient) -> None:
    await created(ada)
    tenure.hypervisor.switch_on(await id_of(tenure), LAB)
    await eventually(lambda: has(ada, "running"))


async def test_one_that_is_forgotten_is_said_to_be(tenure: Served, ada: httpx.AsyncClient) -> None:
    await started(ada)
    id = await id_of(tenure)
    tenure.hypervisor.undefine(id)

    async def is_undefined() -> bool:
        return (await happened(tenure, id))[-1] == "Undefined"

    await eventually(is_undefined)
    assert await has(ada, "running")


async def test_a_hypervisor_that_is_away_is_said_to_be_and_then_all_is_compared(
    tenure: Served, ada: httpx.AsyncClient
) -> None:
    await started(ada)
    id = await id_of(tenure)
    tenure.hypervisor.leave()
    await eventually(lambda: last_event_is(tenure, "Lost"))
    tenure.hypervisor.crash(id)  # nobody is told
    assert await has(ada, "running")
    tenure.hypervisor.come_back()
    await eventually(lambda: has(ada, "stopped"))
    assert await last_event_is(tenure, "Found")


async def last_event_is(tenure: Served, kind: str) -> bool:
    events = tenure.tenure.deps.http.platform.events.get(Hypervisor.id_of())
    return [type(event).__name__ for event in events][-1:] == [kind]


async def test_what_happened_while_we_were_away_is_seen_at_the_start(database: str, tmp_path: Path) -> None:
    hypervisor = FakeHypervisor()
    async with served(database, tmp_path, hypervisor=hypervisor) as tenure, person(tenure, "ada") as ada:
        await started(ada)
        await created(ada, id="b", qemu_uuid="6b8f4f4e-5d4f-4c36-9b5e-3f3f5f0c8a02")
        lab, b = await id_of(tenure), await id_of(tenure, "b")
    hypervisor.crash(lab)
    hypervisor.switch_on(b, LAB)
    async with (
        served(database, tmp_path, hypervisor=hypervisor) as tenure,
        nobody(tenure, **dict(ada.headers)) as ada,
    ):
        await until_state(ada, "stopped")
        await until_state(ada, "running", "b")


async def test_a_machine_that_nobody_has_any_more_is_removed(database: str, tmp_path: Path) -> None:
    hypervisor = FakeHypervisor()
    async with served(database, tmp_path, hypervisor=hypervisor) as tenure, person(tenure, "ada") as ada:
        await started(ada)
        id = await id_of(tenure)
        fine(await ada.delete(f"{VMS}/lab"))

        async def cleared() -> bool:
            return (await happened(tenure, id))[-1] == "Cleared"

        await eventually(cleared)
        hypervisor.switch_on(id, LAB)

        async def is_gone() -> bool:
            return not hypervisor.on

        await eventually(is_gone)


async def test_of_two_that_run_one_writes_and_the_other_takes_over(database: str, tmp_path: Path) -> None:
    hypervisor = FakeHypervisor()
    async with served(database, tmp_path / "b", hypervisor=hypervisor) as second:
        async with served(database, tmp_path / "a", hypervisor=hypervisor) as first, person(first, "ada") as ada:
            await started(ada)
            id = await id_of(first)
            hypervisor.crash(id)
            await eventually(lambda: has(ada, "stopped"))
            assert (await happened(first, id)).count("Died") == 1
            fine(await ada.post(f"{VMS}/lab/start"))
            await until_state(ada, "running")
        hypervisor.crash(id)
        async with nobody(second, **dict(ada.headers)) as ada:
            await eventually(lambda: has(ada, "stopped"))
