"""Comparing what the engine really runs, by our labels, with the log. What differs is looked at one by one."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from application.access import Cause
from application.ports.errors import Unavailable
from application.ports.machines import Machines
from application.ports.regions import Engines
from application.regions import Regions
from application.workshops import Workshops
from application.workspaces import Workspaces
from domain.region import LOCAL
from projections import workspaces
from projections.query import Queries

log = logging.getLogger(__name__)
PATIENCE = 30.0  # seconds that an engine is given to list what it has
SWEEPING = 7_304  # advisory lock: one sweep at a time, however many workers there are


@dataclass
class Sweep:
    pool: AsyncConnectionPool[Any]
    queries: Queries
    engines: Engines
    regions: Regions
    workspaces: Workspaces
    workshops: Workshops

    async def run(self, seconds: float) -> None:
        """At once, and then every so many seconds, until cancelled."""
        while True:
            try:
                await self.once()
            except Exception as error:  # an engine or a database that is away: the next sweep sees
                log.warning("the sweep was cut short", extra={"because": str(error)})
            await asyncio.sleep(seconds)

    async def once(self) -> list[UUID]:
        """Returns the workspaces that were looked at more closely."""
        async with self.pool.connection() as conn, conn.transaction():
            cur = await conn.execute("select pg_try_advisory_xact_lock(%s)", (SWEEPING,))
            (mine,) = await cur.fetchone() or (False,)
            return await self._compare() if mine else []

    async def _compare(self) -> list[UUID]:
        regions = {*await self.regions.available(), *await workspaces.list_regions(self.queries)}
        looked = await asyncio.gather(*map(self._look, sorted(regions)))
        return [id for differ in looked for id in differ]

    async def _look(self, region: str) -> list[UUID]:
        """Whatever one engine does, or does not, the others are looked at."""
        try:
            engine = await self.engines.at(region)
            # The engine first: whatever made a machine was recorded before it was made.
            async with asyncio.timeout(PATIENCE):
                running = {machine.workspace_id: machine.running for machine in await engine.all()}
            held = await workspaces.expected_machines(self.queries, region, engine.provider)
            differ = [id for id in {*running, *held} if running.get(id) != held.get(id)]
            for id in differ:
                await self.workspaces.reconcile(id, Cause(request_id="sweep"), region)
            if region == LOCAL:
                await self._look_at_networks(engine)
            return differ
        except (Unavailable, TimeoutError) as away:
            because = str(away) or "it does not answer in time"
            log.warning("a region was not swept", extra={"region": region, "because": because})
            return []

    async def _look_at_networks(self, engine: Machines) -> None:
        """Those of workshops that have none to have are removed."""
        for network in await engine.networks():
            try:
                if await self.workshops.reconcile_network(network):
                    log.info("a network that nobody has was removed", extra={"network": str(network)})
            except Unavailable as wait:  # a machine that is about to go is on it: the next sweep removes it
                log.info("a network cannot be removed yet", extra={"because": str(wait)})
