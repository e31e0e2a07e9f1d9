"""Killed with -9 at every step of making and of destroying a machine, on the real Docker engine: then started again."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any

import docker
import httpx
import psycopg
import pytest

from tests.support import engines
from tests.support.processes import Spawned, spawned
from tests.support.server import eventually

# A sweep at the start only, and no terminals: they would add to the steps that are counted.
WITH: dict[str, Any] = {
    "machines": "docker",
    "workspace_image": engines.IMAGE,
    "sweep_seconds": 3600,
    "workspace_terminals": "false",
}


class Steps:
    """One life after another on one database: each ends what the one before it left, and then dies at a step."""

    def __init__(self, database: str, home: Path) -> None:
        self._database, self._home = database, home
        self._orders = home / "orders"
        self.noted = home / "orders.noted"

    def life(self) -> AbstractAsyncContextManager[Spawned]:
        self._orders.unlink(missing_ok=True)
        return spawned(self._database, self._home / "home", orders=self._orders, **WITH)

    def order(self, **order: Any) -> None:
        """From now on steps are counted; without `at`, they are only noted."""
        self.noted.unlink(missing_ok=True)
        self._orders.write_text(json.dumps(order))


def moments(steps: list[str]) -> list[tuple[int, str]]:
    """When to kill it: before any step is before the first, or after the one before."""
    return [(1, "before"), *((nth, "after") for nth in range(1, len(steps) + 1))]


@pytest.fixture
def engine(database: str) -> Iterator[docker.DockerClient]:
    """The engine as it is, or the stated reason why there is none. What Tenure left on it is removed."""
    docker_engine = engines.DockerEngine()
    yield docker_engine.client
    with psycopg.connect(database) as conn:
        docker_engine.installations.update(id for (id,) in conn.execute("select id from installation"))
    docker_engine.close()


async def test_killed_at_any_step_of_the_engine(database: str, tmp_path: Path, engine: docker.DockerClient) -> None:
    """Nothing acknowledged is lost, no machine is without a holder or made twice, the list and the engine agree."""
    steps = Steps(database, tmp_path)
    async with steps.life() as tenure, tenure.client() as alice:
        await ended(alice, await created(alice, running=True))  # makes the network
        steps.order()
        id = await created(alice, running=True)
        making = steps.noted.read_text().splitlines()
        steps.order()
        await ended(alice, id)
        destroying = steps.noted.read_text().splitlines()
    assert [step.split()[0] for step in making] == ["POST", "POST"], making  # create, start
    assert "DELETE" in [step.split()[0] for step in destroying], destroying

    checked: Callable[[httpx.AsyncClient], Awaitable[None]] | None = None
    for act, nth, when in [
        *(("make", *moment) for moment in moments(making)),
        *(("destroy", *moment) for moment in moments(destroying)),
        ("nothing", 0, ""),
    ]:
        async with steps.life() as tenure, tenure.client() as alice:
            if checked:
                await checked(alice)
            if act == "nothing":
                break
            id = await created(alice, running=True) if act == "destroy" else ""
            steps.order(at=nth, when=when)
            if act == "make":
                id = await created(alice, running=False)
            else:
                assert (await alice.delete(f"/api/v1/workspaces/{id}")).status_code == 200
            assert await tenure.has_died() == SIGKILL
        after = made_whole if act == "make" else is_gone
        checked = partial(after, engine=engine, id=id, order=f"killed {when} step {nth}")


async def made_whole(alice: httpx.AsyncClient, engine: docker.DockerClient, id: str, order: str) -> None:
    """What was acknowledged runs, once; and it can be given back."""
    await eventually(lambda: runs(alice, id))
    (container,) = about(engine, id)
    assert container.status == "running", order
    assert await kinds(alice, id) == ["workspace.requested", "workspace.provisioned"], order
    assert [row["id"] for row in (await alice.get("/api/v1/workspaces")).json()] == [id], order
    await ended(alice, id)
    assert about(engine, id) == [], order


async def is_gone(alice: httpx.AsyncClient, engine: docker.DockerClient, id: str, order: str) -> None:
    await eventually(lambda: was_destroyed(alice, id))
    assert about(engine, id) == [], order
    assert (await alice.get("/api/v1/workspaces")).json() == [], order


async def created(alice: httpx.AsyncClient, *, running: bool) -> str:
    answer = await alice.post("/api/v1/workspaces", json={"name": "lab"})
    assert answer.status_code == 200, answer.text
    id: str = answer.json()["id"]
    if running:
        await eventually(lambda: runs(alice, id))
    return id


async def ended(alice: httpx.AsyncClient, id: str) -> None:
    await alice.delete(f"/api/v1/workspaces/{id}")
    await eventually(lambda: was_destroyed(alice, id))


async def runs(alice: httpx.AsyncClient, id: str) -> bool:
    return bool((await alice.get(f"/api/v1/workspaces/{id}")).json()["status"] == "running")


async def was_destroyed(alice: httpx.AsyncClient, id: str) -> bool:
    return (await kinds(alice, id)).count("workspace.destroyed") == 1


async def kinds(alice: httpx.AsyncClient, id: str) -> list[str]:
    entries = (await alice.get("/api/v1/audit/events", params={"subject": id})).json()["events"]
    return [entry["kind"] for entry in entries]


def about(engine: docker.DockerClient, id: str) -> list[Any]:
    label = {"label": f"tenure.workspace={id}"}
    containers: list[Any] = engine.containers.list(all=True, filters=label, ignore_removed=True)
    return containers
