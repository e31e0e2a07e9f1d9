"""Real engines for tests of machines, and ways to look at them without the code under test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

import docker
import pytest
from docker.errors import DockerException, ImageNotFound
from docker.models.containers import Container

from application.ports.machines import Machines, Template
from infra.docker.machines import DockerMachines
from infra.local.machines import LocalMachines

IMAGE = os.environ.get("TENURE_TEST_IMAGE", "tenure-workspace:latest")
TEMPLATE = Template("default", IMAGE, memory_mb=256, cpus=0.5, pids=64, ports=(22,))


def lacking(part: str, reason: str) -> None:
    """Skip the test, or fail it where `TENURE_TEST_REQUIRE` (`docker,tmux`) names the missing part."""
    if part in os.environ.get("TENURE_TEST_REQUIRE", "").split(","):
        pytest.fail(f"{part} is required here: {reason}")
    pytest.skip(reason)


class Engine(Protocol):
    """One installation on an engine."""

    machines: Machines

    def another(self, installation: UUID | None = None) -> Machines:
        """Open the same engine again, as another process or another installation does."""
        ...

    def inside(self, workspace_id: UUID, *command: str) -> bytes:
        """Run a command in the machine's directory, and return its output."""
        ...

    def kill(self, workspace_id: UUID) -> None:
        """End the machine from outside, without asking Tenure."""
        ...

    def leftovers(self, workspace_id: UUID) -> list[str]:
        """Everything on the engine that belongs to this workspace."""
        ...

    def close(self) -> None: ...


class DockerEngine:
    def __init__(self) -> None:
        try:
            self.client = docker.from_env()
            self.client.images.get(IMAGE)
        except ImageNotFound:
            lacking("docker", f"there is no image {IMAGE}: make image")
        except DockerException:
            lacking("docker", "no Docker engine answers")
        self.installation = uuid4()
        self.instances: list[DockerMachines] = []
        self.installations = {self.installation}
        self.machines: Machines = self.another()

    def another(self, installation: UUID | None = None) -> Machines:
        self.installations.add(installation or self.installation)
        self.instances.append(DockerMachines(None, installation or self.installation, threads=8))
        return self.instances[-1]

    def container(self, workspace_id: UUID) -> Container:
        return self.client.containers.get(f"tenure-{workspace_id}")

    def inside(self, workspace_id: UUID, *command: str) -> bytes:
        result = self.container(workspace_id).exec_run(list(command), user="tenure", workdir="/workspace")
        assert result.exit_code == 0, result.output
        return bytes(result.output)

    def kill(self, workspace_id: UUID) -> None:
        container = self.container(workspace_id)
        container.kill()
        container.wait()

    def leftovers(self, workspace_id: UUID) -> list[str]:
        label = {"label": f"tenure.workspace={workspace_id}"}
        containers = self.client.containers.list(all=True, filters=label, ignore_removed=True)
        images = self.client.images.list(filters=label)
        return [one.short_id for one in (*containers, *images)]

    def close(self) -> None:
        for machines in self.instances:
            machines.close()
        for installation in self.installations:
            label = {"label": f"tenure.installation={installation}"}
            for container in self.client.containers.list(all=True, filters=label, ignore_removed=True):
                container.remove(force=True, v=True)
            for image in self.client.images.list(filters=label):
                self.client.images.remove(image.id, force=True)
            for network in self.client.networks.list(filters=label):
                network.remove()
        self.client.close()


class LocalEngine:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.installation = uuid4()
        self.instances: list[LocalMachines] = []
        self.machines: Machines = self.another()

    def another(self, installation: UUID | None = None) -> Machines:
        self.instances.append(LocalMachines(self.home, installation or self.installation))
        return self.instances[-1]

    def directory(self, workspace_id: UUID) -> Path:
        return self.home / "machines" / str(workspace_id)

    def tmux(self, *command: str) -> None:
        socket = self.home / "machines" / "tmux.sock"
        subprocess.run(["tmux", "-S", str(socket), *command], check=True, capture_output=True)

    def inside(self, workspace_id: UUID, *command: str) -> bytes:
        where = self.directory(workspace_id)
        return subprocess.run(command, cwd=where, check=True, capture_output=True).stdout

    def kill(self, workspace_id: UUID) -> None:
        self.tmux("kill-session", "-t", str(workspace_id))

    def leftovers(self, workspace_id: UUID) -> list[str]:
        return [str(path) for path in self.home.rglob(f"*{workspace_id}*")]

    def close(self) -> None:
        for machines in self.instances:
            machines.close()


@asynccontextmanager
async def opened(name: str, home: Path) -> AsyncIterator[Engine]:
    """Open an empty engine by name (`docker`, `local`). Everything on it is removed afterwards."""
    engine: Engine = DockerEngine() if name == "docker" else LocalEngine(home)
    try:
        yield engine
    finally:
        for machine in await engine.machines.all():
            await engine.machines.ensure_gone(machine.workspace_id)
        engine.close()
