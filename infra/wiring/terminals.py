"""Shared terminals: the tmux of the host and of workspaces, who watch_pool, and who holds a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from application.claims import Claims
from application.sessions import Sessions
from application.terminals import TerminalInput
from infra.tables.presence import PresenceRows
from infra.tmux.hosts import LocalTmuxHost
from infra.tmux.observer import SessionObserver
from infra.tmux.region_hosts import RegionTmuxHosts
from infra.tmux.running_workspaces import RunningWorkspaces
from infra.tmux.terminals import TmuxTerminals
from infra.tmux.watch import TmuxWatch
from infra.tmux.watch_pool import TerminalEngine, TmuxWatchPool
from infra.wiring.engines import EngineServices
from infra.wiring.foundation import BackgroundTask, Foundation


@dataclass(frozen=True)
class TerminalServices:
    terminals: TmuxTerminals
    terminal_input: TerminalInput
    presence: PresenceRows
    claims: Claims
    background: Mapping[str, BackgroundTask]

    async def close(self) -> None:
        """Close what is open of terminals. Their tmux servers go on."""
        await self.terminals.close()


def build_terminals(base: Foundation, engines: EngineServices) -> TerminalServices:
    settings, local = base.settings, engines.local
    hosts = RegionTmuxHosts(engines.by_region, local if isinstance(local, TerminalEngine) else None)
    own_host = TmuxWatch(LocalTmuxHost(str(settings.tmux_socket_path)))
    watch_pool = TmuxWatchPool(own_host, hosts if settings.workspace_terminals else None)
    presence = PresenceRows(base.database_url, base.pool)
    background = {"tmux watches": watch_pool.run, "presence": presence.run}
    if base.works:
        running = RunningWorkspaces(base.hub, base.queries, watch_pool, local.provider)
        sessions = Sessions(base.platform, base.clock)
        background["tmux observer"] = SessionObserver(
            base.database_url, watch_pool, running, base.queries, sessions
        ).run
    claims = Claims(base.platform, base.clock, timedelta(seconds=settings.claim_seconds))
    terminals = TmuxTerminals(watch_pool, base.clock)
    return TerminalServices(terminals, TerminalInput(claims, terminals), presence, claims, background)
