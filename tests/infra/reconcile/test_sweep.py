"""The sweep: what the engine does by itself is said, what nobody holds goes, and nothing is said that was not so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from application.access import Cause
from application.ports.machines import Machine
from tests.support.fake_engine import Engine
from tests.support.server import Served, eventually, served, stream, until


@pytest.fixture
async def tenure(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """No sweep runs but those of the test."""
    async with served(database, tmp_path, reconciles=False) as serving:
        yield serving


async def running(client: httpx.AsyncClient) -> UUID:
    id = (await client.post("/api/v1/workspaces", json={"name": "a"})).json()["id"]
    await eventually(lambda: has_status(client, id, "running"))
    return UUID(id)


async def has_status(client: httpx.AsyncClient, id: object, status: str) -> bool:
    told = (await client.get(f"/api/v1/workspaces/{id}")).json()
    return bool(told["status"] == status and not told["metadata"])


async def kinds(client: httpx.AsyncClient, id: UUID) -> list[str]:
    told = (await client.get("/api/v1/audit/events", params={"subject": str(id)})).json()["events"]
    return [entry["kind"].partition(".")[2] for entry in told]


async def test_one_runs_at_the_start_without_being_asked_for(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path) as tenure:
        await eventually(lambda: has_looked(tenure.engine))


async def has_looked(engine: Engine) -> bool:
    return ("all", None) in engine.calls


async def test_a_machine_that_vanished_is_said_to_have(tenure: Served) -> None:
    async with tenure.client() as alice:
        id = await running(alice)
        machine = tenure.engine.machines.pop(id)
        await tenure.tenure.sweep.once()
        told = (await alice.get(f"/api/v1/workspaces/{id}")).json()
        assert (told["status"], told["error_message"]) == ("failed", "its machine has vanished from fake")

        tenure.engine.machines[id] = machine  # as after an engine that was restored
        await tenure.tenure.sweep.once()
        assert await has_status(alice, id, "running")
        assert await kinds(alice, id) == ["requested", "provisioned", "vanished", "adopted"]


async def test_a_machine_that_was_stopped_or_started_by_hand_is_seen(tenure: Served) -> None:
    async with tenure.client() as alice:
        id = await running(alice)
        machine = tenure.engine.machines[id]
        tenure.engine.machines[id] = replace(machine, running=False)
        await tenure.tenure.sweep.once()
        assert await has_status(alice, id, "stopped")
        tenure.engine.machines[id] = machine
        await tenure.tenure.sweep.once()
        assert await has_status(alice, id, "running")


async def test_a_machine_that_nobody_holds_is_removed_and_that_is_on_record(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, reconciles=False, auditors=["eve"]) as tenure,
        tenure.client("eve") as eve,
        stream(eve) as told,
    ):
        strange = uuid4()
        tenure.engine.machines[strange] = Machine(strange, f"tenure-{strange}", "its-engine-id", running=True)
        await tenure.tenure.sweep.once()
        found = await until(told, "orphan.found")
        assert found["facts"]["workspace_id"] == str(strange)
        assert found["facts"]["engine_id"] == "its-engine-id"
        await until(told, "orphan.destroyed")
        assert tenure.engine.machines == {}


async def test_what_is_stopped_while_the_sweep_looks_is_not_adopted(tenure: Served) -> None:
    """The engine's answer is true no more when it arrives: the machine ran then."""
    async with tenure.client() as alice:
        id = await running(alice)
        await while_looking(tenure, id, lambda: stop(alice, id))
        assert await has_status(alice, id, "stopped")
        assert await kinds(alice, id) == ["requested", "provisioned", "operation_requested", "stopped"]


async def test_what_is_made_while_the_sweep_looks_has_not_vanished(tenure: Served) -> None:
    async with tenure.client() as alice:
        tenure.engine.away = True
        id = UUID((await alice.post("/api/v1/workspaces", json={"name": "a"})).json()["id"])
        await eventually(lambda: waits(alice, id))
        looked = asyncio.Event()

        async def only_then(call: str, about: UUID | None) -> None:
            if call == "ensure_running":
                await looked.wait()

        async def make() -> None:
            looked.set()
            await eventually(lambda: has_status(alice, id, "running"))

        tenure.engine.before, tenure.engine.away = only_then, False
        await while_looking(tenure, id, make)
        assert await kinds(alice, id) == ["requested", "delayed", "provisioned"]


async def while_looking(tenure: Served, id: UUID, happens: Callable[[], Awaitable[None]]) -> None:
    """A look at this workspace, and what happens between the engine's answer and its arrival."""
    honest = tenure.engine.after

    async def meanwhile(call: str, about: UUID | None) -> None:
        if call == "find":
            tenure.engine.after = honest
            await happens()

    tenure.engine.after = meanwhile
    await tenure.tenure.deps.vm_api.workspaces.reconcile(id, Cause())
    assert tenure.engine.after == honest


async def waits(client: httpx.AsyncClient, id: UUID) -> bool:
    return bool((await client.get(f"/api/v1/workspaces/{id}")).json()["metadata"])


async def stop(client: httpx.AsyncClient, id: UUID) -> None:
    await client.post(f"/api/v1/workspaces/{id}/stop")
    await eventually(lambda: has_status(client, id, "stopped"))


async def test_of_two_that_sweep_at_once_one_does(tenure: Served) -> None:
    async with tenure.client() as alice:
        id = await running(alice)
        del tenure.engine.machines[id]
        looked = await asyncio.gather(*(tenure.tenure.sweep.once() for _ in range(5)))
        assert [id] in looked
        assert (await kinds(alice, id)).count("vanished") == 1
