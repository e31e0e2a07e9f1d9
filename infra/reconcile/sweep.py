"""Compares the machines that engines really run with the log, and reconciles each workspace that differs."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from uuid import UUID

from application.access import Cause
from application.machine_facts import facts
from application.orphans import Orphans
from application.ports.errors import Unavailable
from application.ports.machines import Machine, Machines
from application.ports.regions import Engines
from application.regions import Regions
from application.workshops import Workshops
from application.workspaces import Workspaces
from domain.machine import runs_otherwise
from domain.region import LOCAL
from infra.postgres.database import try_lock
from projections import orphans, workspaces
from projections.query import Queries
from projections.workspaces import ExpectedMachine

log = logging.getLogger(__name__)
LIST_TIMEOUT_S = 30.0  # for an engine to list its machines
MAX_PARALLEL_WORKSPACES = 8  # workspaces of a region that are reconciled side by side
SWEEP = Cause(request_id="sweep")
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
    orphans: Orphans

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

    async def regions_in_use(self) -> set[str]:
        """The regions that machines can be asked for in, and those that have some."""
        return {*await self.regions.available(), *await workspaces.list_regions(self.queries)}

    async def _sweep_regions(self) -> list[UUID]:
        regions = await self.regions_in_use()
        reconciled = await asyncio.gather(*map(self.sweep_region, sorted(regions)))
        return [id for ids in reconciled for id in ids]

    async def sweep_region(self, region: str, looks: bool = False) -> list[UUID]:
        """Reconcile one region. Raises nothing if its engine does not answer, so that other regions are swept.

        `looks`: look at every machine that runs, also where its engine's list shows nothing new. A list does not tell
        whether a machine was started again meanwhile.
        """
        try:
            engine = await self.engines.at(region)
            # The engine first: a machine is in the log before it is created, so a new one is never taken for an orphan.
            async with asyncio.timeout(LIST_TIMEOUT_S):
                machines = {machine.workspace_id: machine for machine in await engine.all()}
            expected = await workspaces.expected_machines(self.queries, region, engine.provider)
            differing = [id for id in {*machines, *expected} if differ(machines.get(id), expected.get(id), looks)]
            await self._reconcile(differing, region)
            if region == LOCAL:
                await self._remove_unused_networks(engine)
            await self._forget_removed_orphans(region)
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
                if await self.workshops.reconcile_network(network, SWEEP):
                    log.info("removed an unused network", extra={"network": str(network.id)})
            except Unavailable as error:  # a machine that is being removed still uses it: the next sweep removes it
                log.info("a network cannot be removed yet", extra={"because": str(error)})

    async def _forget_removed_orphans(self, region: str) -> None:
        """Record of each orphan that is not on its engine any more, whoever has removed it."""
        for row in await orphans.list_in(self.queries, region):
            try:
                if not await self.orphans.exists(row.id):
                    await self.orphans.record_removal(row.id, SWEEP)
            except Unavailable as error:
                log.info("an orphan was not looked at", extra={"because": str(error)})


def differ(machine: Machine | None, expected: ExpectedMachine | None, looks: bool) -> bool:
    """Whether a machine has to be compared with the log."""
    if machine is None or expected is None:
        return machine is not None or expected is not None
    if machine.running != expected.running:
        return True
    return machine.running and (looks or expected.machine is None or runs_otherwise(expected.machine, facts(machine)))
