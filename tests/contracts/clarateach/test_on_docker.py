"""A workshop of ten seats on a real Docker engine (T16, T18)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.workshop import Workshop
from tests.contracts.clarateach.teaching import KEY, WORKSHOPS, fine, running, until
from tests.support.engines import IMAGE, DockerEngine, Engine, opened
from tests.support.server import served


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[Engine]:
    async with opened("docker", tmp_path) as engine:
        yield engine


@pytest.mark.line("T16", "T18")
async def test_ten_seats_come_and_go_with_their_network(docker: Engine, database: str, tmp_path: Path) -> None:
    assert isinstance(docker, DockerEngine)
    async with (
        served(database, tmp_path, docker.machines, workspace_image=IMAGE) as tenure,
        tenure.client(None) as client,
    ):
        workshop = await running(client, seats=10)
        (network,) = docker.client.networks.list(filters={"label": f"tenure.network={Workshop.id_of(workshop['id'])}"})
        network.reload()
        machines = await docker.machines.all()
        assert len(network.containers) == len(machines) == 10 and all(machine.running for machine in machines)
        for machine in machines:
            assert docker.inside(machine.workspace_id, "sh", "-c", "echo $ANTHROPIC_API_KEY").decode().strip() == KEY
            assert KEY not in str(machine)

        fine(await client.post(f"{WORKSHOPS}/{workshop['id']}/stop"))
        await until(client, workshop["id"], "stopped")
        assert await docker.machines.all() == [] and await docker.machines.networks() == []
