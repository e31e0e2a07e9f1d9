"""A restored dump, and a log that was rolled back, on the engine of the original: what they do not know, they leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import docker
import httpx
import psycopg
import pytest

from domain.workspace import Workspace
from tests.contracts.chrote.people import member
from tests.infra.wiring.test_epoch import copied
from tests.support.databases import nothing_is_due
from tests.support.engines import IMAGE, TEMPLATE, lacking, opened
from tests.support.regions import ADMIN
from tests.support.server import Served, eventually, served

SOCKET = Path("/var/run/docker.sock")
NEAR: dict[str, Any] = {
    "regions": {"near": {"url": f"unix://{SOCKET}"}},
    "machine_configs": {"small": {"image": IMAGE, "memory_mb": 128, "ports": [22]}},
}
SOON_S = 0.05  # a grace that is over at once
ORPHANS = "/api/v1/orphans"


@dataclass(frozen=True)
class Site:
    """A Tenure whose region `near` is a Docker engine. Only the test runs sweeps."""

    served: Served
    owner: httpx.AsyncClient

    async def lend(self) -> UUID:
        workspaces = self.served.tenure.deps.vm_api.workspaces
        id = (await workspaces.request(ADMIN, name="a", machine="small", region="near", ttl_seconds=None)).id
        await eventually(lambda: self.has_status(id, "running"))
        return id

    async def has_status(self, id: UUID, status: str) -> bool:
        return (await self.served.tenure.deps.http.platform.load(Workspace, id)).status == status

    async def sweep(self) -> None:
        """Sweep, and let all that is due then be done."""
        await self.served.tenure.sweep.run_once()
        await asyncio.sleep(2 * SOON_S)
        await eventually(lambda: nothing_is_due(str(self.served.tenure.pool.conninfo)))

    async def orphans(self) -> dict[str, dict[str, Any]]:
        """By name."""
        answer = await self.owner.get(ORPHANS)
        assert answer.status_code == 200, answer.text
        return {orphan["name"]: orphan for orphan in answer.json()}


@asynccontextmanager
async def site(database: str, home: Path) -> AsyncIterator[Site]:
    async with (
        served(database, home, reconciles=False, orphan_seconds=SOON_S, **NEAR) as serving,
        member(serving, "owner") as owner,
    ):
        yield Site(serving, owner)


@pytest.fixture
def client(database: str) -> Iterator[docker.DockerClient]:
    if not SOCKET.is_socket():
        lacking("docker", f"no engine listens on {SOCKET}")
    client = docker.DockerClient(f"unix://{SOCKET}")
    yield client
    with psycopg.connect(database) as conn:
        (installation,) = conn.execute("select id from installation").fetchone() or (None,)
    label = {"label": f"tenure.installation={installation}"}
    for container in client.containers.list(all=True, filters=label):
        container.remove(force=True, v=True)
    for network in client.networks.list(filters=label):
        network.remove()
    client.close()


def is_running(client: docker.DockerClient, id: UUID) -> bool:
    return bool(client.containers.get(f"tenure-{id}").status == "running")


@pytest.mark.fault("F43")
async def test_a_restored_dump_leaves_the_machines_of_the_original(
    database: str, tmp_path: Path, client: docker.DockerClient
) -> None:
    async with opened("docker", tmp_path):  # there is the image
        pass
    async with site(database, tmp_path / "a") as original:
        first = await original.lend()
    with copied(database) as copy:
        async with site(database, tmp_path / "a") as original:
            second = await original.lend()
        async with site(copy, tmp_path / "b") as restored:
            await restored.sweep()
            orphans = await restored.orphans()
            assert orphans.keys() == {f"tenure-{second}"} and orphans[f"tenure-{second}"]["destroy_at"] is None
            await restored.sweep()
            assert is_running(client, first) and is_running(client, second)

            answer = await restored.owner.delete(f"{ORPHANS}/{orphans[f'tenure-{second}']['id']}")
            assert answer.status_code == 200, answer.text
            await eventually(lambda: has_no_orphans(restored))
            assert client.containers.list(all=True, filters={"name": f"tenure-{second}"}) == []


async def has_no_orphans(site: Site) -> bool:
    return not await site.orphans()


@pytest.mark.fault("F43")
async def test_a_log_that_was_rolled_back_leaves_what_came_later_and_it_can_be_adopted(
    database: str, tmp_path: Path, client: docker.DockerClient
) -> None:
    async with opened("docker", tmp_path):
        pass
    async with site(database, tmp_path) as before:
        first = await before.lend()
        with psycopg.connect(database) as conn:
            (yesterday,) = conn.execute("select max(notification_id) from tenure_events").fetchone() or (0,)
        second = await before.lend()
    with psycopg.connect(database) as conn:
        conn.execute("delete from tenure_events where notification_id > %s", (yesterday,))
        conn.execute("update follower set shape = 'to be folded anew', version = ''")
    async with site(database, tmp_path) as after:
        await after.sweep()
        await after.sweep()
        assert is_running(client, first) and is_running(client, second)
        (orphan,) = (await after.orphans()).values()
        assert (orphan["name"], orphan["kind"], orphan["destroy_at"]) == (f"tenure-{second}", "machine", None)

        answer = await after.owner.post(f"{ORPHANS}/{orphan['id']}/adopt", json={"name": "mine"})
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"workspace_id": str(second), "name": "mine"}
        workspace = (await after.owner.get(f"/api/v1/workspaces/{second}")).json()
        assert (workspace["name"], workspace["status"], set(workspace["connection_info"]["ports"])) == (
            "mine",
            "running",
            {"22"},
        )
        await after.sweep()
        assert await after.orphans() == {} and is_running(client, second)

        await after.owner.delete(f"/api/v1/workspaces/{second}")
        await eventually(lambda: is_destroyed(after, second))
        assert client.containers.list(all=True, filters={"name": f"tenure-{second}"}) == []


async def is_destroyed(site: Site, id: UUID) -> bool:
    return (await site.served.tenure.deps.http.platform.load(Workspace, id)).destroyed_at is not None


@pytest.mark.fault("F43")
async def test_a_machine_of_this_log_has_its_grace_and_one_of_version_0_1_waits(
    database: str, tmp_path: Path, client: docker.DockerClient
) -> None:
    async with opened("docker", tmp_path):
        pass
    async with site(database, tmp_path) as place:
        lost, old = uuid4(), uuid4()
        engine = await place.served.tenure.engines.at("near")
        await engine.ensure_running(lost, TEMPLATE)
        labels = dict(client.containers.get(f"tenure-{lost}").labels)
        del labels["tenure.epoch"]
        client.containers.create(IMAGE, name=f"tenure-{old}", labels=labels | {"tenure.workspace": str(old)})

        await place.served.tenure.sweep.run_once()
        await eventually(lambda: has_only(place, f"tenure-{old}"))
        assert client.containers.list(all=True, filters={"name": f"tenure-{lost}"}) == []
        assert client.containers.get(f"tenure-{old}")

        client.containers.get(f"tenure-{old}").remove()  # somebody else has settled it
        await place.served.tenure.sweep.run_once()
        assert await place.orphans() == {}


async def has_only(place: Site, name: str) -> bool:
    return (await place.orphans()).keys() == {name}
