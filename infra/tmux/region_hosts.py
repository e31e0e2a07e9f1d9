"""The tmux hosts of workspaces in every region: one outside the local region is named by its region and workspace."""

from __future__ import annotations

from dataclasses import dataclass

from application.ports.errors import Unavailable
from application.ports.regions import Engines
from domain.region import LOCAL
from infra.tmux.hosts import TmuxHost
from infra.tmux.watch_pool import TerminalEngine


@dataclass(frozen=True)
class RegionTmuxHosts:
    """`infra.tmux.watch_pool.TmuxHosts` of the engines of all regions."""

    engines: Engines
    local: TerminalEngine | None  # None: workspaces of the local region have no terminals

    def name_of(self, workspace_id: str, region: str) -> str:
        if region != LOCAL:
            return f"{region}/{workspace_id}"
        return self.local.tmux_key(workspace_id) if self.local else workspace_id

    async def find(self, name: str) -> TmuxHost | None:
        region, slash, workspace_id = name.rpartition("/")
        if not slash:
            return self.local.tmux_host(name, name) if self.local else None
        try:
            machines = await self.engines.at(region)
        except Unavailable:
            return None  # there is no such region any more
        return machines.tmux_host(workspace_id, name) if isinstance(machines, TerminalEngine) else None
