"""The engine of each region: opened when it is first needed, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from application.ports.errors import Unavailable
from application.ports.machines import Machines
from application.ports.regions import Region
from application.regions import Regions
from domain.region import LOCAL

PING_TIMEOUT_S = 3.0  # readiness waits no longer for an engine
RETRY_AFTER_S = 60  # an unknown region may have been added by then


@dataclass
class RegionEngines:
    """`Engines`. Each has its own connections and threads, so that one that hangs delays only its own machines.

    A region may be changed by another process: its address is read from the log on every call.
    """

    local: Machines
    regions: Regions
    open: Callable[[Region], Machines]  # makes no connection yet
    _opened: dict[str, tuple[Region, Machines]] = field(default_factory=dict)
    _replaced: list[Machines] = field(default_factory=list)  # of regions that have moved; calls there still run
    _pings: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def at(self, region: str) -> Machines:
        if region == LOCAL:
            return self.local
        current = await self.regions.find(region)
        if current is None:
            raise Unavailable(f"region {region}", f'the region "{region}" is not known here', RETRY_AFTER_S)
        opened_for, machines = self._opened.get(region, (None, None))
        if machines is None or opened_for != current:
            if machines is not None:
                self._replaced.append(machines)
            machines = self.open(current)
            self._opened[region] = (current, machines)
        return machines

    async def remote_errors(self) -> dict[str, str | None]:
        """For every region but the local one: why its engine does not answer, as a sentence; None: it answers."""
        names = [name for name in await self.regions.available() if name != LOCAL]
        return dict(zip(names, await asyncio.gather(*map(self._error, names)), strict=True))

    def limitation(self, region: str) -> str | None:
        """What the engine of a region was seen not to do; None also where it was not used yet."""
        _, machines = self._opened.get(region, (None, None))
        return machines.limitation if machines else None

    async def _error(self, region: str) -> str | None:
        """One ping at a time: callers of an engine that hangs share the ping that hangs already."""
        ping = self._pings.get(region)
        if ping is None or ping.done():
            ping = self._pings[region] = asyncio.create_task(self._ping(region))
        finished, _ = await asyncio.wait({ping}, timeout=PING_TIMEOUT_S)
        if not finished:
            return "it does not answer in time"
        error = ping.exception()
        return None if error is None else str(error) or type(error).__name__

    async def _ping(self, region: str) -> None:
        await (await self.at(region)).ping()

    def close(self) -> None:
        """Close every engine but the local one, which its maker closes."""
        for machines in (*self._replaced, *(machines for _, machines in self._opened.values())):
            machines.close()
        for ping in self._pings.values():
            ping.cancel()
