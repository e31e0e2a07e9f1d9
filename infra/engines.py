"""Which engine runs the machines: what the settings say, or what is there."""

from __future__ import annotations

import logging
from uuid import UUID

from application.ports import Machines, Unavailable
from infra.home import CannotStart
from infra.settings import Settings

log = logging.getLogger(__name__)


async def choose(settings: Settings, installation: UUID) -> Machines:
    """`CannotStart` where that would put other people's processes on this machine without a wall around them."""
    if settings.machines != "local":
        from infra.machines_docker import DockerMachines  # only who talks to an engine waits for its SDK

        docker = DockerMachines(settings.docker_url, installation)
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
    from infra.machines_local import LocalMachines

    return LocalMachines(settings.home, installation)
