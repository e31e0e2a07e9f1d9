"""The engines that run machines: the local one, as the settings say or as it is found, and one for each region."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from application.ports.displays import Displays
from application.ports.errors import Unavailable
from application.ports.files import Files
from application.ports.machines import Machines
from application.ports.regions import Region
from application.regions import Regions
from domain.region import LOCAL
from infra.docker.regions import RegionEngines
from infra.runtime.home import CannotStart
from infra.settings import Settings
from infra.wiring.absent_parts import displays_of, files_of
from infra.wiring.foundation import Foundation

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
    machines = local or await choose_engine(base.settings, base.installation_id)
    regions = Regions(base.platform, base.clock, base.settings.fixed_regions)
    open_region = open_region or partial(open_docker, base.settings, base.installation_id)
    return EngineServices(
        local=machines,
        by_region=RegionEngines(machines, regions, open_region),
        regions=regions,
        files=files_of(machines),
        displays=displays_of(machines),
        closes_local=local is None,
    )


async def choose_engine(settings: Settings, installation_id: UUID) -> Machines:
    """Return Docker's engine if it answers or is set; else this machine's own processes.

    Raises `CannotStart` where that would run other people's processes on this machine without a wall around them.
    """
    if settings.machines != "local":
        from infra.docker.machines import DockerMachines  # its SDK is slow to import

        docker = DockerMachines(settings.docker_url, installation_id, region=settings.fixed_regions[LOCAL])
        if settings.machines == "docker":
            return docker
        try:
            await docker.ping()
            return docker
        except Unavailable as error:
            log.info("no Docker engine answers", extra={"because": str(error)})
    if settings.exposed_by:
        raise CannotStart(
            f"No Docker engine answers, and workspaces without one are processes of this machine: "
            f"they are lent to the people of this machine only, and {settings.exposed_by}. "
            "Start Docker; or serve this machine only, with a loopback address and without a sign-in provider."
        )
    from infra.local.machines import LocalMachines

    return LocalMachines(settings.home, installation_id)


def open_docker(settings: Settings, installation_id: UUID, region: Region) -> Machines:
    """Return the engine of a region. Nothing is connected yet."""
    from infra.docker.machines import DockerMachines

    return DockerMachines(region.url, installation_id, threads=2 * settings.provision_concurrency, region=region)
