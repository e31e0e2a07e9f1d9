"""The engines that run machines: the local one, as the settings say or as it is found, and one for each region."""

from __future__ import annotations

import logging
from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

from application.ports.displays import Displays
from application.ports.errors import Unavailable
from application.ports.files import Files
from application.ports.machines import Machines
from application.ports.regions import Region
from application.regions import Regions
from domain.region import LOCAL
from infra.docker.regions import RegionEngines
from infra.runtime.home import CannotStart, read_engine_choice, write_engine_choice
from infra.settings import Settings
from infra.wiring.absent_parts import displays_of, files_of
from infra.wiring.foundation import Foundation
from projections import workspaces

log = logging.getLogger(__name__)
OpenRegion = Callable[[Region], Machines]


@dataclass(frozen=True)
class EngineServices:
    local: Machines
    by_region: RegionEngines
    regions: Regions
    files: Files  # of the local region's machines
    displays: Displays  # of the local region's machines
    closes_local: bool

    def close(self) -> None:
        """Close the connections to the engines. Their machines go on."""
        self.by_region.close()
        if self.closes_local:
            self.local.close()


async def open_engines(base: Foundation, local: Machines | None, open_region: OpenRegion | None) -> EngineServices:
    """`local` and `open_region` override the engines of the settings; a `local` engine is closed by its maker.

    Raises `CannotStart`.
    """
    in_use = await workspaces.providers_in(base.queries, LOCAL)
    machines = local or await choose_engine(base.settings, base.installation_id, base.epoch_id, in_use)
    regions = Regions(base.platform, base.clock, base.settings.fixed_regions)
    open_region = open_region or partial(open_docker, base.settings, base.installation_id, base.epoch_id)
    return EngineServices(
        local=machines,
        by_region=RegionEngines(machines, regions, open_region),
        regions=regions,
        files=files_of(machines),
        displays=displays_of(machines),
        closes_local=local is None,
    )


async def choose_engine(
    settings: Settings, installation_id: UUID, epoch_id: UUID | None = None, in_use: Set[str] = frozenset()
) -> Machines:
    """Return the engine of the settings; where they leave the choice, the one that was chosen for this home.

    `epoch_id` is that of the log in use. `in_use` are the providers of the machines that the log has here.

    Raises `CannotStart` where that would run other people's processes on this machine without a wall around them.
    """
    from infra.docker.machines import DockerMachines  # its SDK is slow to import

    docker = partial(
        DockerMachines, settings.docker_url, installation_id, region=settings.fixed_regions[LOCAL], epoch=epoch_id
    )
    if settings.machines == "docker":
        return docker()
    if settings.machines == "auto" and await chosen_provider(settings.home, in_use, docker) == "docker":
        return docker()
    if settings.exposed_by:
        has_chosen = settings.machines == "auto" and read_engine_choice(settings.home)
        raise CannotStart(
            f"No Docker engine answers, and workspaces without one are processes of this machine: "
            f"they are lent to the people of this machine only, and {settings.exposed_by}. "
            f"Start Docker{' and set TENURE_MACHINES=docker' if has_chosen else ''}; "
            "or serve this machine only, with a loopback address and without a sign-in provider."
        )
    if settings.machines == "auto":
        write_engine_choice(settings.home, "local")
    from infra.local.machines import LocalMachines

    return LocalMachines(settings.home, installation_id, epoch_id)


async def chosen_provider(home: Path, in_use: Set[str], docker: Callable[[], Machines]) -> str:
    """What TENURE_MACHINES=auto means for this home. It is decided once.

    An engine that is away later on is waited for. Otherwise machines would be made as processes of this host, and those
    on Docker could be neither reached nor destroyed. The log decides for a home of version 0.1: where its machines are.
    """
    if choice := read_engine_choice(home):
        return choice
    choice = next((provider for provider in ("docker", "local") if provider in in_use), None)
    if choice is None:
        choice = "docker" if await answers(docker()) else "local"
    if choice == "docker":
        write_engine_choice(home, choice)
    return choice


async def answers(engine: Machines) -> bool:
    try:
        await engine.ping()
        return True
    except Unavailable as error:
        log.info("no Docker engine answers", extra={"because": str(error)})
        return False
    finally:
        engine.close()


def open_docker(settings: Settings, installation_id: UUID, epoch_id: UUID, region: Region) -> Machines:
    """Return the engine of a region. Nothing is connected yet."""
    from infra.docker.machines import DockerMachines

    threads = 2 * settings.provision_concurrency
    return DockerMachines(region.url, installation_id, threads=threads, region=region, epoch=epoch_id)
