"""What happens to containers past Tenure is in the log at once, with its reason. The sweep does not run here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from domain.hosted_session import HostedSession
from infra.docker.machines import DockerMachines
from tests.contracts.warpdrive.people import keyholder
from tests.support.dockerd import dockerd
from tests.support.engines import IMAGE, DockerEngine, opened
from tests.support.server import Served, eventually, served

NEVER_S = 3600  # between sweeps: what is recorded here was reported by the engine
# A machine that fills its memory once /tmp/go is there, by its first process.
GREEDY = ("sh", "-c", "until [ -e /tmp/go ]; do sleep 0.05; done; exec tail /dev/zero")
SETTINGS: dict[str, Any] = {
    "sweep_seconds": NEVER_S,
    "workspace_image": IMAGE,
    "templates": {"greedy": {"image": IMAGE, "command": GREEDY, "memory_mb": 32}},
}


@dataclass
class Lab:
    """A workspace on a Docker engine that is followed."""

    served: Served
    client: httpx.AsyncClient
    docker: DockerEngine
    ids: list[UUID] = field(default_factory=list)

    async def lend(self, template: str = "default") -> UUID:
        body = {"name": "lab", "template": template}
        id = UUID((await self.client.post("/api/v1/workspaces", json=body)).json()["id"])
        await self.until(id, "running")
        return id

    async def until(self, id: UUID, status: str) -> dict[str, Any]:
        async def has_status() -> Any:
            workspace = (await self.client.get(f"/api/v1/workspaces/{id}")).json()
            return workspace["status"] == status and not workspace["metadata"] and workspace

        return await eventually(has_status)  # type: ignore[no-any-return]

    async def until_event(self, id: UUID, kind: str) -> dict[str, Any]:
        """Wait for the last event of a workspace to be of this kind, and return its facts."""

        async def is_last() -> Any:
            page = (await self.client.get("/api/v1/audit/events", params={"subject": str(id)})).json()
            event = page["events"][-1]
            return event["kind"] == f"workspace.{kind}" and event

        return dict((await eventually(is_last))["facts"])


@asynccontextmanager
async def lab_of(docker: DockerEngine, database: str, home: Path) -> AsyncIterator[Lab]:
    async with served(database, home, docker.machines, **SETTINGS) as tenure, tenure.client() as client:
        yield Lab(tenure, client, docker)


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with opened("docker", tmp_path) as engine:
        assert isinstance(engine, DockerEngine)
        async with lab_of(engine, database, tmp_path) as lab:
            yield lab


@pytest.mark.fault("F46")
async def test_a_machine_that_is_stopped_and_started_on_the_engine(lab: Lab) -> None:
    id = await lab.lend()
    lab.docker.container(id).stop(timeout=1)
    cause = (await lab.until_event(id, "stopped"))["cause"]
    assert cause["from_outside"] and not cause["out_of_memory"] and cause["exit_code"] is not None
    assert "was stopped on the engine, not by Tenure" in (await lab.until(id, "stopped"))["error_message"]

    lab.docker.container(id).start()
    machine = (await lab.until_event(id, "adopted"))["machine"]
    container = lab.docker.container(id)
    assert machine["connection"]["ports"] == {"22": published(container)}
    assert (await lab.until(id, "running"))["error_message"] is None


@pytest.mark.fault("F46")
async def test_a_machine_that_is_restarted_on_the_engine_has_its_new_ports(lab: Lab) -> None:
    id = await lab.lend()
    before = (await lab.until(id, "running"))["connection_info"]["ports"]
    lab.docker.container(id).restart(timeout=1)
    facts = await lab.until_event(id, "started")
    assert facts["operation_id"] is None and facts["cause"]["from_outside"]
    ports = (await lab.until(id, "running"))["connection_info"]["ports"]
    assert ports == facts["machine"]["connection"]["ports"] == {"22": published(lab.docker.container(id))}
    assert ports != before or facts["machine"]["started_at"]


@pytest.mark.fault("F46")
async def test_a_machine_that_is_removed_on_the_engine(lab: Lab) -> None:
    id = await lab.lend()
    lab.docker.container(id).remove(force=True)
    assert await lab.until_event(id, "vanished") == {"reason": "its machine was removed on the engine, not by Tenure"}
    await lab.until(id, "failed")


@pytest.mark.fault("F46")
async def test_a_machine_that_is_renamed_goes_and_comes_back_and_leaves_nothing(lab: Lab) -> None:
    id, other_name = await lab.lend(), f"mine-{lab.docker.installation}"
    lab.docker.container(id).rename(other_name)
    reason = (await lab.until_event(id, "vanished"))["reason"]
    assert f"was renamed to {other_name}" in reason and f"tenure-{id}" in reason

    lab.docker.client.containers.get(other_name).rename(f"tenure-{id}")
    await lab.until_event(id, "adopted")
    lab.docker.container(id).rename(other_name)
    await lab.until_event(id, "vanished")
    await lab.client.delete(f"/api/v1/workspaces/{id}")
    await lab.until_event(id, "destroyed")
    assert lab.docker.leftovers(id) == []


@pytest.mark.fault("F46")
async def test_a_machine_that_is_out_of_memory(lab: Lab) -> None:
    id = await lab.lend("greedy")
    lab.docker.container(id).exec_run(["touch", "/tmp/go"])
    cause = (await lab.until_event(id, "stopped"))["cause"]
    assert (cause["out_of_memory"], cause["exit_code"], cause["from_outside"]) == (True, 137, False)
    workspace = await lab.until(id, "stopped")
    assert "out of memory" in workspace["error_message"] and "(exit code 137)" in workspace["error_message"]


@pytest.mark.fault("F46")
async def test_what_tenure_does_itself_is_recorded_once(lab: Lab) -> None:
    id = await lab.lend()
    for operation, kind in (("restart", "started"), ("stop", "stopped"), ("start", "started")):
        await lab.client.post(f"/api/v1/workspaces/{id}/{operation}")
        assert (await lab.until_event(id, kind))["operation_id"]
    other = await lab.lend()
    lab.docker.container(other).stop(timeout=1)  # the engine reports in order: by now, all of the first was compared
    await lab.until_event(other, "stopped")
    page = (await lab.client.get("/api/v1/audit/events", params={"subject": str(id)})).json()
    kinds = [event["kind"].partition(".")[2] for event in page["events"]]
    operations = ["operation_requested", "started", "operation_requested", "stopped", "operation_requested", "started"]
    assert kinds == ["requested", "provisioned", *operations]


@pytest.mark.fault("F46")
async def test_the_machine_of_a_session_is_followed_as_well(lab: Lab) -> None:
    async with keyholder(lab.served, "alice") as alice:
        body = {"machine_id": "default", "region": "local", "no_join": True, "pub_key": KEY}
        answer = await alice.post("/sessions", json=body)
        assert answer.is_success, answer.text
        session = await lab.served.tenure.deps.http.platform.load(HostedSession, UUID(answer.json()["session_id"]))
        lab.docker.container(session.workspace_id).restart(timeout=1)
        await lab.until_event(session.workspace_id, "started")
        session_view = (await alice.get(f"/sessions/{session.id}")).json()
        assert session_view["ssh"]["port"] == published(lab.docker.container(session.workspace_id))


@pytest.mark.fault("F46")
async def test_an_engine_that_is_stopped_and_started(database: str, tmp_path: Path) -> None:
    async with opened("docker", tmp_path) as host:  # there is the image
        assert isinstance(host, DockerEngine)
        with dockerd() as engine:
            engine.load(IMAGE)
            machines = DockerMachines(engine.url, host.installation)
            settings = {"auditors": ["alice"], **SETTINGS}
            async with served(database, tmp_path, machines, **settings) as tenure, tenure.client() as client:
                lab = Lab(tenure, client, host)
                id = await lab.lend()
                engine.stop()
                await eventually(lambda: has_event(client, "engine.lost"))
                assert not (await client.get("/health/ready")).is_success
                engine.start()
                await eventually(lambda: has_event(client, "engine.found"))
                stopped = await lab.until_event(id, "stopped")
                assert stopped["cause"]["exit_code"] is not None
                await lab.until(id, "stopped")

                docker = engine.client()
                docker.containers.get(f"tenure-{id}").start()
                machine = (await lab.until_event(id, "adopted"))["machine"]
                assert machine["connection"]["ports"] == {"22": published(docker.containers.get(f"tenure-{id}"))}
                docker.close()
            machines.close()


async def has_event(client: httpx.AsyncClient, kind: str) -> bool:
    page = (await client.get("/api/v1/audit/events", params={"kind": kind})).json()
    return bool(page["events"])


def published(container: Any) -> int:
    """The port of the host that the container's SSH is published on, as the engine says."""
    container.reload()
    (binding,) = container.attrs["NetworkSettings"]["Ports"]["22/tcp"]
    return int(binding["HostPort"])


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS"
