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

PATIENCE = 3.0  # seconds that readiness waits for an engine


@dataclass
class RegionEngines:
    """`Engines`. Each has connections and threads of its own, so that one that hangs holds up nobody else's machines.

    Who changes a region does so for every process: where its engine is, is asked of the log each time.
    """

    local: Machines
    regions: Regions
    open: Callable[[Region], Machines]  # reaches for nothing yet
    _opened: dict[str, tuple[Region, Machines]] = field(default_factory=dict)
    _left: list[Machines] = field(default_factory=list)  # of regions that have moved; what is under way there goes on
    _asked: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def at(self, region: str) -> Machines:
        if region == LOCAL:
            return self.local
        where = await self.regions.find(region)
        if where is None:
            raise Unavailable(f"region {region}", f'the region "{region}" is not known here', retry_after=60)
        before, machines = self._opened.get(region, (None, None))
        if machines is None or before != where:
            if machines is not None:
                self._left.append(machines)
            machines = self.open(where)
            self._opened[region] = (where, machines)
        return machines

    async def elsewhere(self) -> dict[str, str | None]:
        """Every region but the local one, and what is wrong with its engine; None: it answers."""
        names = [name for name in await self.regions.known() if name != LOCAL]
        return dict(zip(names, await asyncio.gather(*map(self._wrong, names)), strict=True))

    async def _wrong(self, region: str) -> str | None:
        """One question at a time: who asks while an engine hangs waits for the question that hangs already."""
        asked = self._asked.get(region)
        if asked is None or asked.done():
            asked = self._asked[region] = asyncio.create_task(self._ping(region))
        done, _ = await asyncio.wait({asked}, timeout=PATIENCE)
        if not done:
            return "it does not answer in time"
        error = asked.exception()
        return None if error is None else str(error) or type(error).__name__

    async def _ping(self, region: str) -> None:
        await (await self.at(region)).ping()

    def close(self) -> None:
        """Let go of every engine but the local one, which somebody else opened."""
        for machines in (*self._left, *(machines for _, machines in self._opened.values())):
            machines.close()
        for asked in self._asked.values():
            asked.cancel()
