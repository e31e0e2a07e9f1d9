"""Compares the machines that engines really run with the log, and reconciles each workspace that differs."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from uuid import UUID

from application.access import Cause
from application.ports.errors import Unavailable
from application.ports.machines import Machines
from application.ports.regions import Engines
from application.regions import Regions
from application.workshops import Workshops
from application.workspaces import Workspaces
from domain.region import LOCAL
from infra.postgres.database import try_lock
from projections import workspaces
from projections.query import Queries

log = logging.getLogger(__name__)
LIST_TIMEOUT_S = 30.0  # for an engine to list its machines
MAX_PARALLEL_WORKSPACES = 8  # workspaces of a region that are reconciled side by side
SWEEP_LOCK = 7_304  # key of the advisory lock: one sweep at a time in all workers


@dataclass
class Sweep:
    """Compares every region's engine with the log."""

    database_url: str
    queries: Queries
    engines: Engines
    regions: Regions
    workspaces: Workspaces
    workshops: Workshops

    async def run(self, interval_s: float) -> None:
        """Sweep at once and then every `interval_s` seconds, until cancelled."""
        while True:
            try:
                await self.run_once()
            except Exception as error:  # the database or an engine does not answer: the next sweep tries again
                log.warning("the sweep failed", extra={"because": str(error)})
            await asyncio.sleep(interval_s)

    async def run_once(self) -> list[UUID]:
        """Sweep once, unless another worker does. Returns the workspaces that were reconciled."""
        async with try_lock(self.database_url, SWEEP_LOCK) as locked:
            return await self._sweep_regions() if locked else []

    async def _sweep_regions(self) -> list[UUID]:
        regions = {*await self.regions.available(), *await workspaces.list_regions(self.queries)}
        reconciled = await asyncio.gather(*map(self._sweep_region, sorted(regions)))
        return [id for ids in reconciled for id in ids]

    async def _sweep_region(self, region: str) -> list[UUID]:
        """Reconcile one region. Raises nothing if its engine does not answer, so that other regions are swept."""
        try:
            engine = await self.engines.at(region)
            # The engine first: a machine is in the log before it is created, so a new one is never taken for an orphan.
            async with asyncio.timeout(LIST_TIMEOUT_S):
                running = {machine.workspace_id: machine.running for machine in await engine.all()}
            expected = await workspaces.expected_machines(self.queries, region, engine.provider)
            differing = [id for id in {*running, *expected} if running.get(id) != expected.get(id)]
            await self._reconcile(differing, region)
            if region == LOCAL:
                await self._remove_unused_networks(engine)
            return differing
        except (Unavailable, TimeoutError) as error:
            because = str(error) or "it does not answer in time"
            log.warning("a region was not swept", extra={"region": region, "because": because})
            return []

    async def _reconcile(self, differing: list[UUID], region: str) -> None:
        """Reconcile these workspaces, some at a time. Raises the first error when all of them were tried."""
        free = asyncio.Semaphore(MAX_PARALLEL_WORKSPACES)

        async def reconcile(id: UUID) -> None:
            async with free:
                await self.workspaces.reconcile(id, Cause(request_id="sweep"), region)

        outcomes = await asyncio.gather(*map(reconcile, differing), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _remove_unused_networks(self, engine: Machines) -> None:
        """Remove the networks of workshops that need none."""
        for network in await engine.networks():
            try:
                if await self.workshops.reconcile_network(network):
                    log.info("removed an unused network", extra={"network": str(network)})
            except Unavailable as error:  # a machine that is being removed still uses it: the next sweep removes it
                log.info("a network cannot be removed yet", extra={"because": str(error)})
