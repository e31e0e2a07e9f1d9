"""Killed with -9 at every step of starting and of stopping a workshop, on a real Docker engine: then started again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from signal import SIGKILL

import docker
import httpx
import psycopg

from tests.contracts.clarateach.teaching import WORKSHOPS, create_workshop, fine, until
from tests.crash.test_kill import Steps, engine, moments

__all__ = ["engine"]


async def test_killed_at_any_step_of_the_engine(database: str, tmp_path: Path, engine: docker.DockerClient) -> None:
    """Running machines are what the log says, and no network is left over."""
    steps = Steps(database, tmp_path)
    async with steps.life() as tenure, tenure.client() as alice:
        id = (await create_workshop(alice))["id"]
        steps.order()
        await started(alice, id)
        starting = steps.noted.read_text().splitlines()
        steps.order()
        await stopped(alice, id)
        stopping = steps.noted.read_text().splitlines()
    assert starting.count("POST /networks/create") == 1, starting
    assert sum(step.startswith("DELETE") for step in stopping) == 3, stopping  # two machines and their network

    plan = [("start", *moment) for moment in moments(starting)] + [("stop", *moment) for moment in moments(stopping)]
    checked: Callable[[httpx.AsyncClient], Awaitable[None]] | None = None
    for act, nth, when in [*plan, ("nothing", 0, "")]:
        async with steps.life() as tenure, tenure.client() as alice:
            if checked:
                await checked(alice)
            if act == "nothing":
                break
            if act == "stop":
                await started(alice, id)
            steps.order(at=nth, when=when)
            fine(await alice.post(f"{WORKSHOPS}/{id}/{act}"), 202 if act == "start" else 200)
            assert await tenure.has_died() == SIGKILL
        after = runs_whole if act == "start" else is_gone
        checked = partial(after, database=database, engine=engine, id=id, order=f"killed {when} step {nth} of {act}")


async def runs_whole(alice: httpx.AsyncClient, database: str, engine: docker.DockerClient, id: str, order: str) -> None:
    await until(alice, id, "running")
    machines, networks = left(database, engine)
    assert machines == ["running", "running"] and networks == 1, order
    await stopped(alice, id)
    assert left(database, engine) == ([], 0), order


async def is_gone(alice: httpx.AsyncClient, database: str, engine: docker.DockerClient, id: str, order: str) -> None:
    await until(alice, id, "stopped")
    assert left(database, engine) == ([], 0), order


async def started(alice: httpx.AsyncClient, id: str) -> None:
    fine(await alice.post(f"{WORKSHOPS}/{id}/start"), 202)
    await until(alice, id, "running")


async def stopped(alice: httpx.AsyncClient, id: str) -> None:
    fine(await alice.post(f"{WORKSHOPS}/{id}/stop"))
    await until(alice, id, "stopped")


def left(database: str, engine: docker.DockerClient) -> tuple[list[str], int]:
    """How the machines are that this installation has, and how many networks workshops have."""
    with psycopg.connect(database) as conn:
        ((installation,),) = conn.execute("select id from installation").fetchall()
    label = f"tenure.installation={installation}"
    containers = engine.containers.list(all=True, filters={"label": label}, ignore_removed=True)
    networks = engine.networks.list(filters={"label": [label, "tenure.network"]})
    return [container.status for container in containers], len(networks)
