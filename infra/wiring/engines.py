"""Which engine runs the machines: what the settings say, or what is there."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from application.ports.displays import Display, Displays, Peer
from application.ports.errors import Unavailable
from application.ports.files import Contents, Files, FileSeen
from application.ports.machines import Machines, Template
from application.ports.regions import Region
from domain.errors import NotFound
from domain.region import LOCAL
from infra.runtime.home import CannotStart
from infra.settings import Settings

log = logging.getLogger(__name__)
NO_FILES = "the files of workspaces cannot be had here"
OWN_IMAGE = "tenure-workspace:latest"  # as infra/images/workspace.sh builds it


async def choose(settings: Settings, installation: UUID) -> Machines:
    """`CannotStart` where that would put other people's processes on this machine without a wall around them."""
    if settings.machines != "local":
        from infra.docker.machines import DockerMachines  # only who talks to an engine waits for its SDK

        docker = DockerMachines(settings.docker_url, installation, region=settings.fixed_regions[LOCAL])
        if settings.machines == "docker":
            return docker
        try:
            await docker.ping()
            return docker
        except Unavailable as absent:
            log.info("no Docker engine answers", extra={"because": str(absent)})
    if not settings.is_loopback:
        raise CannotStart(
            f"No Docker engine answers, and workspaces without one are processes of this machine: "
            f"they are lent on a loopback address only, not on {settings.bind}. "
            f"Start Docker, or set TENURE_BIND=127.0.0.1:{settings.port}."
        )
    from infra.local.machines import LocalMachines

    return LocalMachines(settings.home, installation)


def region_opener(settings: Settings, installation: UUID) -> Callable[[Region], Machines]:
    """How the engine of a region is opened."""

    def opened(region: Region) -> Machines:
        from infra.docker.machines import DockerMachines

        return DockerMachines(region.url, installation, threads=2 * settings.provision_concurrency, region=region)

    return opened


def files_of(machines: Machines) -> Files:
    """The files of its machines. An engine need not let anybody at them."""
    found: Files | None = getattr(machines, "files", None)
    return found or NoFiles()


class NoFiles:
    """`Files` where there are none to be had."""

    async def list(self, workspace_id: UUID, path: str) -> list[FileSeen]:
        raise Unavailable("workspace", NO_FILES)

    @asynccontextmanager
    async def open(self, workspace_id: UUID, path: str) -> AsyncIterator[Contents]:
        raise Unavailable("workspace", NO_FILES)
        yield

    async def write(self, workspace_id: UUID, path: str, pieces: AsyncIterator[bytes]) -> None:
        raise Unavailable("workspace", NO_FILES)

    async def delete(self, workspace_id: UUID, path: str) -> None:
        raise Unavailable("workspace", NO_FILES)


def displays_of(machines: Machines) -> Displays:
    """The displays of its machines. An engine need not know of any."""
    found: Displays | None = getattr(machines, "displays", None)
    return found or NoDisplays()


class NoDisplays:
    """`Displays` where there are none."""

    @asynccontextmanager
    async def watch(self, workspace_id: UUID) -> AsyncIterator[Display]:
        raise NotFound("this seat has no display")
        yield

    @asynccontextmanager
    async def peer(self, display: Display) -> AsyncIterator[Peer]:
        raise NotFound("this seat has no display")
        yield

    async def neko(self, workspace_id: UUID) -> str | None:
        return None


async def templates(settings: Settings, machines: Machines) -> dict[str, Template]:
    """What workspaces are made from. Where nothing is set and our own image has been built, it is used for all."""
    if settings.workspace_image is None and machines.provider == "docker":
        with suppress(Unavailable):
            if await machines.has(OWN_IMAGE):
                return settings.model_copy(update={"workspace_image": OWN_IMAGE}).catalogue
    return settings.catalogue
