"""The terminals of workspaces in every region: a place elsewhere is called by its region and the workspace."""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.errors import Unavailable
from application.ports.regions import Engines
from domain.region import LOCAL
from infra.tmux.control import Place
from infra.tmux.watch_pool import HasTerminals


@dataclass(frozen=True)
class RegionPlaces:
    """`infra.tmux.watch_pool.Places`."""

    engines: Engines
    local: HasTerminals | None  # None: workspaces of the local region have none

    def place_of(self, workspace_id: str, region: str) -> str:
        if region != LOCAL:
            return f"{region}/{workspace_id}"
        return self.local.place_of(workspace_id) if self.local else workspace_id

    async def place(self, name: str) -> Place | None:
        region, elsewhere, workspace_id = name.rpartition("/")
        if not elsewhere:
            return self.local.place(name, name) if self.local else None
        try:
            machines = await self.engines.at(region)
        except Unavailable:
            return None  # there is no such region any more
        return machines.place(workspace_id, name) if isinstance(machines, HasTerminals) else None
