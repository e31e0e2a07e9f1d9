"""TENURE_MACHINES=auto decides once for a home, and then waits for the engine that it has chosen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from application.access import Actor
from application.ports.errors import Unavailable
from domain.workspace import Workspace
from infra.docker.machines import DockerMachines
from infra.runtime.home import CannotStart, read_engine_choice, write_engine_choice
from infra.settings import Settings
from infra.wiring.bootstrap import Overrides, Tenure, running
from projections import workspaces
from tests.support.fake_engine import Engine
from tests.support.fake_hypervisor import FakeHypervisor
from tests.support.regions import ADMIN
from tests.support.server import eventually, served

NOWHERE = "unix:///nowhere/docker.sock"


@asynccontextmanager
async def at_work(database: str, home: Path, **settings: Any) -> AsyncIterator[Tenure]:
    """Tenure on the engine that it chooses itself. No Docker engine answers."""
    chosen = Settings(**{"home": home, "docker_url": NOWHERE, "tmux_socket": home / "no-tmux", **settings})
    async with running(chosen, database, Overrides(hypervisor=FakeHypervisor())) as tenure:
        yield tenure


async def test_without_docker_machines_are_processes_from_now_on(database: str, tmp_path: Path) -> None:
    async with at_work(database, tmp_path) as tenure:
        assert tenure.machines.provider == "local"
    assert read_engine_choice(tmp_path) == "local"


@pytest.mark.fault("F44")
async def test_a_home_that_has_chosen_docker_waits_for_it(database: str, tmp_path: Path) -> None:
    write_engine_choice(tmp_path, "docker")
    async with at_work(database, tmp_path, bind="0.0.0.0:3000") as tenure:
        assert tenure.machines.provider == "docker"
        with pytest.raises(Unavailable, match="the Docker engine does not answer"):
            await tenure.machines.ping()
    assert read_engine_choice(tmp_path) == "docker"


@pytest.mark.fault("F44")
async def test_a_home_of_version_0_1_keeps_to_where_its_machines_are(database: str, tmp_path: Path) -> None:
    engine = Engine()
    engine.provider = DockerMachines.provider
    async with served(database, tmp_path, engine, reconciles=False) as before, before.client() as alice:
        id = UUID((await alice.post("/api/v1/workspaces", json={"name": "a"})).json()["id"])
        await eventually(lambda: is_provisioned(alice, id))
    assert read_engine_choice(tmp_path) is None
    async with at_work(database, tmp_path) as tenure:
        assert tenure.machines.provider == "docker"
        commands, queries = tenure.deps.vm_api.workspaces, tenure.deps.http.queries
        with pytest.raises(Unavailable, match="the Docker engine does not answer"):
            await commands.request(ADMIN, name="b", template="python", ttl_seconds=None)

        row = await workspaces.get(queries, id)
        assert row
        await commands.delete(Actor(row.owner_id, "alice", "test"), id)
        await eventually(lambda: postponed(database, id))
        assert (await commands.platform.load(Workspace, id)).destroyed_at is None


async def postponed(database: str, id: UUID) -> bool:
    """Whether the destruction of a machine was tried, and waits for its engine."""
    async with await psycopg.AsyncConnection.connect(database) as conn:
        sql = "select last_error from work where command = 'workspace.destroy' and subject = %s"
        (error,) = await (await conn.execute(sql, (id,))).fetchone() or (None,)
    return bool(error == "the Docker engine does not answer")


async def is_provisioned(alice: Any, id: UUID) -> bool:
    return bool((await alice.get(f"/api/v1/workspaces/{id}")).json()["status"] == "running")


async def test_an_address_for_all_is_refused_where_machines_would_be_processes(database: str, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="Start Docker; or serve this machine only"):
        async with at_work(database, tmp_path, bind="0.0.0.0:3000", portal_auth="required"):
            pass
    assert read_engine_choice(tmp_path) is None
