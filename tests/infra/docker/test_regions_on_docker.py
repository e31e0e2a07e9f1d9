"""Two regions that are two addresses of one Docker engine: they stay apart, and one may go away and come back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import docker
import psycopg
import pytest

from domain.workspace import Workspace
from interfaces.chrote import session_views
from projections import sessions
from tests.support.engines import IMAGE, lacking, opened
from tests.support.regions import ADMIN
from tests.support.relay import Relay
from tests.support.server import Served, eventually, served

SOCKET = Path("/var/run/docker.sock")
SMALL = {"image": IMAGE, "memory_mb": 128, "cpus": 0.5, "ports": [22], "disk_mb": 256}


@dataclass
class TwoRegions:
    served: Served
    relay: Relay
    docker: docker.DockerClient

    async def ask(self, region: str) -> UUID:
        workspaces = self.served.tenure.deps.vm_api.workspaces
        workspace = await workspaces.request(ADMIN, name="a", machine="small", region=region, ttl_seconds=None)
        return workspace.id

    async def workspace(self, id: UUID) -> Workspace:
        return await self.served.tenure.deps.http.platform.load(Workspace, id)

    async def until(self, id: UUID, status: str) -> Workspace:
        async def has_status() -> Any:
            workspace = await self.workspace(id)
            return workspace.status == status and workspace

        return await eventually(has_status)  # type: ignore[no-any-return]

    def labels(self, id: UUID) -> dict[str, str]:
        return dict(self.docker.containers.get(f"tenure-{id}").labels)

    async def end(self, *ids: UUID) -> None:
        for id in ids:
            await self.served.tenure.deps.vm_api.workspaces.delete(ADMIN, id)

        async def are_destroyed() -> bool:
            return all([(await self.workspace(id)).destroyed_at for id in ids])

        await eventually(are_destroyed, 60)


@pytest.fixture
async def two(database: str, tmp_path: Path) -> AsyncIterator[TwoRegions]:
    async with opened("docker", tmp_path):  # there is an engine, and the image
        pass
    if not SOCKET.is_socket():
        lacking("docker", f"no engine listens on {SOCKET}")
    relay = Relay(SOCKET)
    await relay.up()
    regions = {
        "near": {"url": f"unix://{SOCKET}"},
        "far": {"url": f"tcp://127.0.0.1:{relay.port}", "host": "localhost"},
    }
    client = docker.DockerClient(f"unix://{SOCKET}")
    try:
        settings: dict[str, Any] = {"regions": regions, "machine_configs": {"small": SMALL}}
        async with served(database, tmp_path, reconciles=False, **settings) as serving:
            yield TwoRegions(serving, relay, client)
    finally:
        with psycopg.connect(database) as conn:
            (installation,) = conn.execute("select id from installation").fetchone() or (None,)
        for network in client.networks.list(filters={"label": f"tenure.installation={installation}"}):
            network.remove()
        await relay.down()
        client.close()


async def test_two_regions_on_one_engine_keep_apart(two: TwoRegions) -> None:
    near, far = await two.ask("near"), await two.ask("far")
    try:
        for id in (near, far):
            await two.until(id, "running")
        assert [two.labels(id)["tenure.region"] for id in (near, far)] == ["near", "far"]
        assert [two.labels(id)["tenure.template"] for id in (near, far)] == ["small", "small"]

        engines = two.served.tenure.engines
        near_machines, far_machines = await engines.at("near"), await engines.at("far")
        assert [machine.workspace_id for machine in await near_machines.all()] == [near]
        assert [machine.workspace_id for machine in await far_machines.all()] == [far]
        assert await near_machines.find(far) is None and await far_machines.find(near) is None
        await near_machines.ensure_gone(far)
        await near_machines.ensure_stopped(far)
        machine = await far_machines.find(far)
        assert machine and machine.running

        connection = (await two.workspace(far)).machine["connection"]  # type: ignore[index]
        assert connection["host"] == "localhost" and set(connection["ports"]) == {"22"}
        limit = two.docker.containers.get(f"tenure-{far}").attrs["HostConfig"].get("StorageOpt", {}).get("size")
        assert connection["disk_mb"] == (256 if limit == "256m" else "not limited by this engine")
        async with two.served.client() as client:
            parts = (await client.get("/health/ready")).json()["parts"]
        assert ("limitation" in parts["regions"]["regions"]["far"]) == (limit != "256m")
    finally:
        await two.end(near, far)


async def test_a_workspace_in_a_region_has_its_terminal(two: TwoRegions) -> None:
    far = await two.ask("far")
    terminals, queries, clock = (
        getattr(two.served.tenure.deps.chrote, name) for name in ("terminals", "queries", "clock")
    )
    try:

        async def find_session() -> sessions.ListedSession | None:
            return await sessions.get_by_name(queries, ADMIN, str(far), clock())

        session = await eventually(find_session, 60)
        at = session_views.terminal_address(session)
        assert at.host == f"far/{far}"
        await terminals.type(at, None, b"echo $((20 + 3))\r")

        async def answered() -> bool:
            return "23" in (await terminals.capture(at, None)).splitlines()

        await eventually(answered)
    finally:
        await two.end(far)


async def test_an_address_that_goes_away_and_comes_back_is_nobody_elses_trouble(two: TwoRegions) -> None:
    far = await two.ask("far")
    ids = [far]
    try:
        await two.until(far, "running")
        await two.relay.down()

        ids += [later := await two.ask("far"), near := await two.ask("near")]
        await two.until(near, "running")

        async def waits() -> bool:
            return (await two.workspace(later)).waiting == "the Docker engine does not answer"

        await eventually(waits)
        two.docker.containers.get(f"tenure-{near}").remove(force=True)
        assert await two.served.tenure.sweep.run_once() == [near]
        await two.until(near, "failed")
        await two.until(far, "running")  # its engine did not answer, so its state is as it was
        async with two.served.client(None) as nobody:
            readiness = (await nobody.get("/health/ready")).json()
            assert (readiness["status"], readiness["parts"]["regions"]["error"]) == ("degraded", "away: far")

            await two.relay.up()
            await two.until(later, "running")
            assert (await nobody.get("/health/ready")).json()["status"] == "ok"
    finally:
        if two.relay.port:
            await two.relay.down()
            await two.relay.up()
        await two.end(*ids)
