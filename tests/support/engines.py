"""The engines that machines are tried on, and a look at them that does not go through what is tried."""

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
    """Skips the test; fails it where the part must not be missing: `TENURE_TEST_REQUIRE=docker,tmux`."""
    if part in os.environ.get("TENURE_TEST_REQUIRE", "").split(","):
        pytest.fail(f"{part} is required here: {reason}")
    pytest.skip(reason)


class Engine(Protocol):
    """One installation on an engine."""

    machines: Machines

    def another(self, installation: UUID | None = None) -> Machines:
        """The same engine as another process sees it, or another installation."""
        ...

    def inside(self, workspace_id: UUID, *command: str) -> bytes:
        """What a command says that runs where the machine's files are."""
        ...

    def kill(self, workspace_id: UUID) -> None:
        """The machine ends without anybody having asked Tenure."""
        ...

    def leftovers(self, workspace_id: UUID) -> list[str]:
        """What is there that was made for this workspace, by whatever name."""
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
    """The engine of that name with nothing on it, and afterwards nothing left."""
    engine: Engine = DockerEngine() if name == "docker" else LocalEngine(home)
    try:
        yield engine
    finally:
        for machine in await engine.machines.all():
            await engine.machines.ensure_gone(machine.workspace_id)
        engine.close()
