"""Killed with -9 at every step of making and of destroying a machine, on the real Docker engine: then started again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest

from tests.infra import engines
from tests.serving import eventually
from tests.spawning import Spawned, spawned

# A sweep at the start only: in between it would add to the steps that are counted.
WITH: dict[str, Any] = {"machines": "docker", "workspace_image": engines.IMAGE, "sweep_seconds": 3600}


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    """The engine as it is, or the stated reason why there is none."""
    shown = engines.DockerEngine()
    yield shown.client
    shown.close()


async def test_killed_at_any_step_of_the_engine(database: str, tmp_path: Path, engine: docker.DockerClient) -> None:
    """Nothing acknowledged is lost, no machine is without a holder or made twice, the list and the engine agree."""
    orders = tmp_path / "orders"
    making, destroying = await steps(database, tmp_path, orders)
    assert making[0].startswith("POST /containers/create"), making
    assert any(step.startswith("DELETE") for step in destroying), destroying
    for when in ("before", "after"):
        for at in range(1, len(making) + 1):
            id = await killed_while_making(database, tmp_path, orders, {"at": at, "when": when}, engine)
            async with begun(database, tmp_path) as tenure, tenure.client() as alice:
                await alice.delete(f"/api/v1/workspaces/{id}")
                await eventually(lambda: is_gone(engine, id))  # noqa: B023 - awaited here
        for at in range(1, len(destroying) + 1):
            await killed_while_destroying(database, tmp_path, orders, {"at": at, "when": when}, engine)


def begun(database: str, home: Path, orders: Path | None = None) -> Any:
    return spawned(database, home / "home", orders=orders, **WITH)


async def steps(database: str, home: Path, orders: Path) -> tuple[list[str], list[str]]:
    """What is asked of the engine to make a machine, and to destroy it, once its network is there."""
    async with begun(database, home, orders) as tenure, tenure.client() as alice:
        await ended(alice, await created(alice, running=True))  # makes the network
        orders.write_text("{}")
        noted = orders.with_suffix(".noted")
        id = await created(alice, running=True)
        making = noted.read_text().splitlines()
        await ended(alice, id)
        destroying = noted.read_text().splitlines()[len(making) :]
    orders.unlink()
    return making, destroying


async def killed_while_making(
    database: str, home: Path, orders: Path, order: dict[str, Any], engine: docker.DockerClient
) -> str:
    async with begun(database, home, orders) as tenure, tenure.client() as alice:
        orders.write_text(json.dumps(order))
        id = await created(alice, running=False)
        await died(tenure)
    orders.unlink()
    async with begun(database, home) as again, again.client() as alice:
        await eventually(lambda: runs(alice, id))
        (container,) = about(engine, id)
        assert container.status == "running", order
        told = (await alice.get("/api/v1/audit/events", params={"subject": id})).json()["events"]
        assert [e["kind"] for e in told] == ["workspace.requested", "workspace.provisioned"], order
    return id


async def killed_while_destroying(
    database: str, home: Path, orders: Path, order: dict[str, Any], engine: docker.DockerClient
) -> None:
    async with begun(database, home, orders) as tenure, tenure.client() as alice:
        id = await created(alice, running=True)
        orders.write_text(json.dumps(order))
        assert (await alice.delete(f"/api/v1/workspaces/{id}")).status_code == 200
        await died(tenure)
    orders.unlink()
    async with begun(database, home) as again, again.client() as alice:
        await eventually(lambda: was_destroyed(alice, id))
        assert about(engine, id) == [], order
        assert (await alice.get("/api/v1/workspaces")).json() == []


async def created(alice: httpx.AsyncClient, *, running: bool) -> str:
    made = await alice.post("/api/v1/workspaces", json={"name": "lab"})
    assert made.status_code == 200, made.text
    id: str = made.json()["id"]
    if running:
        await eventually(lambda: runs(alice, id))
    return id


async def ended(alice: httpx.AsyncClient, id: str) -> None:
    await alice.delete(f"/api/v1/workspaces/{id}")
    await eventually(lambda: was_destroyed(alice, id))


async def runs(alice: httpx.AsyncClient, id: str) -> bool:
    return bool((await alice.get(f"/api/v1/workspaces/{id}")).json()["status"] == "running")


async def was_destroyed(alice: httpx.AsyncClient, id: str) -> bool:
    told = (await alice.get("/api/v1/audit/events", params={"subject": id})).json()["events"]
    return [e["kind"] for e in told].count("workspace.destroyed") == 1


def about(engine: docker.DockerClient, id: str) -> list[Any]:
    label = {"label": f"tenure.workspace={id}"}
    found: list[Any] = engine.containers.list(all=True, filters=label, ignore_removed=True)
    return found


async def is_gone(engine: docker.DockerClient, id: str) -> bool:
    return not await asyncio.to_thread(about, engine, id)


async def died(tenure: Spawned) -> None:
    assert await tenure.has_died() == 9
