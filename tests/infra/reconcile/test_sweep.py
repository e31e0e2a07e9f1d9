"""The sweep records what changed outside Tenure, removes orphans, and records nothing that was not so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from application.access import Cause
from application.ports.machines import Machine
from domain.workspace import Workspace
from infra.reconcile.sweep import MAX_PARALLEL_WORKSPACES
from tests.contracts.chrote.people import member
from tests.support.fake_engine import Engine
from tests.support.server import WAIT_TIMEOUT_S, Served, eventually, served, stream, until


@pytest.fixture
async def tenure(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """A server that sweeps only when the test does."""
    async with served(database, tmp_path, reconciles=False) as server:
        yield server


async def start_workspace(client: httpx.AsyncClient) -> UUID:
    id = (await client.post("/api/v1/workspaces", json={"name": "a"})).json()["id"]
    await eventually(lambda: has_status(client, id, "running"))
    return UUID(id)


async def has_status(client: httpx.AsyncClient, id: object, status: str) -> bool:
    workspace = (await client.get(f"/api/v1/workspaces/{id}")).json()
    return bool(workspace["status"] == status and not workspace["metadata"])


async def kinds(client: httpx.AsyncClient, id: UUID) -> list[str]:
    page = (await client.get("/api/v1/audit/events", params={"subject": str(id)})).json()
    return [event["kind"].partition(".")[2] for event in page["events"]]


async def test_a_sweep_runs_at_the_start(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path) as tenure:
        await eventually(lambda: has_listed(tenure.engine))


async def has_listed(engine: Engine) -> bool:
    return ("all", None) in engine.calls


async def test_a_vanished_machine_is_recorded(tenure: Served) -> None:
    async with tenure.client() as alice:
        id = await start_workspace(alice)
        machine = tenure.engine.machines.pop(id)
        await tenure.tenure.sweep.run_once()
        workspace = (await alice.get(f"/api/v1/workspaces/{id}")).json()
        assert (workspace["status"], workspace["error_message"]) == ("failed", "its machine has vanished from fake")

        tenure.engine.machines[id] = machine  # as if the engine had been restored
        await tenure.tenure.sweep.run_once()
        assert await has_status(alice, id, "running")
        assert await kinds(alice, id) == ["requested", "provisioned", "vanished", "adopted"]


async def test_a_machine_that_was_stopped_or_started_by_hand_is_recorded(tenure: Served) -> None:
    async with tenure.client() as alice:
        id = await start_workspace(alice)
        machine = tenure.engine.machines[id]
        tenure.engine.machines[id] = replace(machine, running=False)
        await tenure.tenure.sweep.run_once()
        assert await has_status(alice, id, "stopped")
        tenure.engine.machines[id] = machine
        await tenure.tenure.sweep.run_once()
        assert await has_status(alice, id, "running")


def machine(id: UUID, **more: Any) -> Machine:
    return Machine(id, f"tenure-{id}", f"engine-id-{id}", running=True, **more)


@pytest.mark.fault("F43")
async def test_an_orphan_is_recorded_and_removed_when_its_grace_is_over(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, reconciles=False, auditors=["eve"], orphan_seconds=0.05) as tenure,
        tenure.client("eve") as eve,
        stream(eve) as events,
    ):
        orphan = uuid4()
        tenure.engine.machines[orphan] = machine(orphan)
        await tenure.tenure.sweep.run_once()
        event = await until(events, "orphan.found")
        assert event["facts"]["workspace_id"] == str(orphan)
        assert event["facts"]["engine_id"] == f"engine-id-{orphan}"
        assert event["facts"]["destroy_at"]
        await until(events, "orphan.destroyed")
        assert tenure.engine.machines == {}


@pytest.mark.fault("F43")
async def test_what_this_log_has_not_made_is_recorded_and_left(database: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"auditors": ["eve"], "orphan_seconds": 0.05}
    async with served(database, tmp_path, reconciles=False, **settings) as tenure, member(tenure, "olga") as olga:
        one, network = uuid4(), uuid4()
        tenure.engine.machines[one] = machine(one, is_of_this_log=False)
        tenure.engine.on_networks[network] = set()
        tenure.engine.of_another_log.add(network)
        await tenure.tenure.sweep.run_once()
        await tenure.tenure.sweep.run_once()
        rows = (await olga.get("/api/v1/orphans")).json()
        assert {(row["kind"], row["destroy_at"]) for row in rows} == {("machine", None), ("network", None)}
        assert one in tenure.engine.machines and network in tenure.engine.on_networks

        ids = {row["kind"]: row["id"] for row in rows}
        refused = await olga.post(f"/api/v1/orphans/{ids['network']}/adopt", json={"name": "lab"})
        assert refused.status_code == 409, refused.text
        adopted = await olga.post(f"/api/v1/orphans/{ids['machine']}/adopt", json={"name": "lab"})
        assert adopted.json() == {"workspace_id": str(one), "name": "lab"}
        assert (await olga.delete(f"/api/v1/orphans/{ids['network']}")).status_code == 200
        await eventually(lambda: has_no_orphans(olga))
        assert one in tenure.engine.machines and not tenure.engine.on_networks


async def has_no_orphans(olga: httpx.AsyncClient) -> bool:
    return not (await olga.get("/api/v1/orphans")).json()


@pytest.mark.fault("F43")
async def test_only_administrators_settle_orphans(tenure: Served) -> None:
    one = uuid4()
    tenure.engine.machines[one] = machine(one, is_of_this_log=False)
    await tenure.tenure.sweep.run_once()
    async with member(tenure, "olga") as olga, tenure.client("mallory") as mallory:
        (row,) = (await olga.get("/api/v1/orphans")).json()
        for answer in (
            await mallory.get("/api/v1/orphans"),
            await mallory.post(f"/api/v1/orphans/{row['id']}/adopt", json={"name": "mine"}),
            await mallory.delete(f"/api/v1/orphans/{row['id']}"),
        ):
            assert answer.status_code == 403, answer.text


@pytest.mark.fault("F43")
async def test_an_orphan_that_somebody_has_removed_is_forgotten(tenure: Served) -> None:
    one = uuid4()
    tenure.engine.machines[one] = machine(one, is_of_this_log=False)
    await tenure.tenure.sweep.run_once()
    async with member(tenure, "olga") as olga:
        assert not await has_no_orphans(olga)
        del tenure.engine.machines[one]
        await tenure.tenure.sweep.run_once()
        assert await has_no_orphans(olga)


@pytest.mark.fault("F43")
async def test_what_is_left_of_a_workspace_that_has_ended_is_removed_at_once(tenure: Served) -> None:
    async with tenure.client() as alice:
        id = await start_workspace(alice)
        left = tenure.engine.machines[id]
        await alice.delete(f"/api/v1/workspaces/{id}")
        await eventually(lambda: has_ended(tenure, id))
        tenure.engine.machines[id] = replace(left, is_of_this_log=False)
        await tenure.tenure.sweep.run_once()
        await eventually(lambda: has_machines(tenure, 0))


async def has_ended(tenure: Served, id: UUID) -> bool:
    return (await tenure.tenure.deps.http.platform.load(Workspace, id)).destroyed_at is not None


async def has_machines(tenure: Served, count: int) -> bool:
    return len(tenure.engine.machines) == count


@pytest.mark.fault("F46")
async def test_other_ports_are_seen_by_the_sweep(tenure: Served) -> None:
    """On an engine that reports nothing."""
    async with tenure.client() as alice:
        id = await start_workspace(alice)
        ports = {"22": 49155}
        tenure.engine.machines[id] = replace(
            tenure.engine.machines[id], connection={"host": "127.0.0.1", "ports": ports}
        )
        assert await tenure.tenure.sweep.run_once() == [id]
        workspace = (await alice.get(f"/api/v1/workspaces/{id}")).json()
        assert (workspace["status"], workspace["connection_info"]["ports"]) == ("running", ports)
        assert await tenure.tenure.sweep.run_once() == []


async def test_a_machine_that_stops_during_a_sweep_is_not_adopted(tenure: Served) -> None:
    """The engine's answer, that the machine runs, is out of date when it arrives."""
    async with tenure.client() as alice:
        id = await start_workspace(alice)
        await during_reconcile(tenure, id, lambda: stop(alice, id))
        assert await has_status(alice, id, "stopped")
        assert await kinds(alice, id) == ["requested", "provisioned", "operation_requested", "stopped"]


async def test_a_machine_that_is_created_during_a_sweep_has_not_vanished(tenure: Served) -> None:
    async with tenure.client() as alice:
        tenure.engine.away = True
        id = UUID((await alice.post("/api/v1/workspaces", json={"name": "a"})).json()["id"])
        await eventually(lambda: is_delayed(alice, id))
        reconciling = asyncio.Event()

        async def wait_for_reconcile(call: str, about: UUID | None) -> None:
            if call == "ensure_running":
                await reconciling.wait()

        async def make() -> None:
            reconciling.set()
            await eventually(lambda: has_status(alice, id, "running"))

        tenure.engine.before, tenure.engine.away = wait_for_reconcile, False
        await during_reconcile(tenure, id, make)
        assert await kinds(alice, id) == ["requested", "delayed", "provisioned"]


async def during_reconcile(tenure: Served, id: UUID, change: Callable[[], Awaitable[None]]) -> None:
    """Reconcile this workspace; `change` happens between the engine's answer and its arrival."""
    original = tenure.engine.after

    async def meanwhile(call: str, about: UUID | None) -> None:
        if call == "find":
            tenure.engine.after = original
            await change()

    tenure.engine.after = meanwhile
    await tenure.tenure.deps.vm_api.workspaces.reconcile(id, Cause())
    assert tenure.engine.after == original


async def is_delayed(client: httpx.AsyncClient, id: UUID) -> bool:
    return bool((await client.get(f"/api/v1/workspaces/{id}")).json()["metadata"])


async def stop(client: httpx.AsyncClient, id: UUID) -> None:
    await client.post(f"/api/v1/workspaces/{id}/stop")
    await eventually(lambda: has_status(client, id, "stopped"))


async def test_of_several_sweeps_at_once_one_works(tenure: Served) -> None:
    async with tenure.client() as alice:
        id = await start_workspace(alice)
        del tenure.engine.machines[id]
        reconciled = await asyncio.gather(*(tenure.tenure.sweep.run_once() for _ in range(5)))
        assert [id] in reconciled
        assert (await kinds(alice, id)).count("vanished") == 1


@pytest.mark.fault("F39")
async def test_no_transaction_is_open_and_no_pooled_connection_in_use_while_an_engine_answers(
    tenure: Served, database: str
) -> None:
    listing, go_on = asyncio.Event(), asyncio.Event()

    async def slow(call: str, about: UUID | None) -> None:
        if call == "all":
            listing.set()
            await go_on.wait()

    tenure.engine.before = slow
    sweeping = asyncio.create_task(tenure.tenure.sweep.run_once())
    await listing.wait()
    assert await open_transactions(database) == []

    async def all_are_free() -> bool:
        """Other background tasks borrow a connection for a moment; one that the sweep held would stay away."""
        stats = tenure.tenure.pool.get_stats()
        return stats["pool_available"] == stats["pool_size"]

    await eventually(all_are_free)
    go_on.set()
    await sweeping


@pytest.mark.fault("F39")
async def test_differences_are_settled_side_by_side_up_to_a_limit(tenure: Served) -> None:
    under_way, most = 0, 0
    all_at_once = asyncio.Event()

    async def count(call: str, about: UUID | None) -> None:
        nonlocal under_way, most
        if call == "find":
            under_way += 1
            most = max(most, under_way)
            if under_way == MAX_PARALLEL_WORKSPACES:
                all_at_once.set()
            await all_at_once.wait()
            under_way -= 1

    orphans = [uuid4() for _ in range(3 * MAX_PARALLEL_WORKSPACES)]
    for orphan in orphans:
        tenure.engine.machines[orphan] = Machine(orphan, f"tenure-{orphan}", orphan.hex, running=True)
    tenure.engine.before = count
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        assert sorted(await tenure.tenure.sweep.run_once()) == sorted(orphans)
    assert most == MAX_PARALLEL_WORKSPACES


async def open_transactions(database: str) -> list[str]:
    """The queries of sessions that hold a transaction open and do nothing."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        cur = await conn.execute(
            "select query from pg_stat_activity where datname = current_database() and state ~ 'idle in transaction'"
        )
        return [query for (query,) in await cur.fetchall()]
