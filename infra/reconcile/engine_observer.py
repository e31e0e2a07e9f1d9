"""Follows what engines report of their machines, and has each change compared with the log at once.

The sweep finds the same a minute later, on every engine. What an engine reports also has a reason.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from application.access import Cause
from application.engine_reports import EngineReports
from application.ports.errors import EngineRefused, OutsideFailure, Unavailable
from application.ports.machines import MachineChange, Machines, ReportingEngine
from domain.errors import Refused
from infra.postgres import database
from infra.reconcile.sweep import Sweep
from infra.runtime.tasks import end_tasks

log = logging.getLogger(__name__)
OBSERVER_LOCK = 7_316  # advisory: one process of the installation follows the engines
CAUSE = Cause(request_id="engine")
REGION_POLL_INTERVAL_S = 2.0  # until a region that was added, moved or removed is noticed
RETRY_PAUSE_S = 0.5  # while an engine or the database does not answer
AGAIN_AFTER_S = 0.5  # a machine that is being worked on is compared again
MAX_COMPARISONS = 60  # of one change; the sweep goes on after that
EXPECTED_ERRORS = (OutsideFailure, Refused, psycopg.Error, OSError, TimeoutError)


@dataclass
class FollowedRegion:
    """A region whose engine is followed."""

    engine: Machines
    task: asyncio.Task[None]


@dataclass
class EngineObserver:
    """Follows the engines of all regions that report what happens on them."""

    url: str
    sweep: Sweep
    reports: EngineReports
    _followed: dict[str, FollowedRegion] = field(default_factory=dict)

    async def run(self) -> None:
        """Follow until cancelled. The lock is freed with its connection, so that another process takes over."""
        while True:
            try:
                conn = await database.connect(self.url)
                try:
                    await conn.execute("select pg_advisory_lock(%s)", (OBSERVER_LOCK,))
                    while not conn.closed:
                        await self._follow_regions()
                        await asyncio.sleep(REGION_POLL_INTERVAL_S)
                        await conn.execute("select 1")  # a lost lock has to be taken again
                finally:
                    await end_tasks(region.task for region in self._followed.values())
                    self._followed.clear()
                    await conn.close()
            except EXPECTED_ERRORS as error:
                log.info("the engines cannot be followed now", extra={"because": str(error)})
            await asyncio.sleep(RETRY_PAUSE_S)

    async def _follow_regions(self) -> None:
        """Follow the regions in use at their present engines, and no others."""
        regions = await self.sweep.regions_in_use()
        for name in regions | self._followed.keys():
            try:
                engine = await self.sweep.engines.at(name) if name in regions else None
            except Unavailable:
                engine = None
            followed = self._followed.get(name)
            if followed and (engine is not followed.engine or followed.task.done()):
                del self._followed[name]
                await end_tasks([followed.task])
            if name not in self._followed and isinstance(engine, ReportingEngine):
                task = asyncio.create_task(self._follow(name, engine))
                self._followed[name] = FollowedRegion(engine, task)

    async def _follow(self, region: str, engine: Machines) -> None:
        """Follow one engine, whether or not it answers, until cancelled."""
        assert isinstance(engine, ReportingEngine)
        waiting: dict[UUID, asyncio.Task[None]] = {}
        try:
            while True:
                try:
                    async with aclosing(engine.changes()) as changes:
                        async for change in changes:
                            await self._pass_on(region, engine, change, waiting)
                except (Unavailable, EngineRefused):
                    await self._record(region, engine, answering=False)
                except EXPECTED_ERRORS as error:
                    log.info("a change on an engine was not recorded", extra={"region": region, "because": str(error)})
                await asyncio.sleep(RETRY_PAUSE_S)
        finally:
            await end_tasks(waiting.values())

    async def _pass_on(
        self, region: str, engine: Machines, change: MachineChange, waiting: dict[UUID, asyncio.Task[None]]
    ) -> None:
        if change.workspace_id is None:
            await self._record(region, engine, answering=True)
            await self.sweep.sweep_region(region, looks=True)
            return
        id = change.workspace_id
        if id in waiting:
            await end_tasks([waiting[id]])  # the newer change tells more
        if not change.is_over:
            return
        task = waiting[id] = asyncio.create_task(self._compare(region, id, change))
        task.add_done_callback(lambda ended: waiting.pop(id) if waiting.get(id) is ended else None)

    async def _compare(self, region: str, id: UUID, change: MachineChange) -> None:
        """Compare a machine with the log until both were at rest."""
        for _ in range(MAX_COMPARISONS):
            try:
                if await self.sweep.workspaces.reconcile(id, CAUSE, region, change):
                    return
            except EXPECTED_ERRORS as error:
                log.info("a machine was not compared with the log", extra={"because": str(error)})
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _record(self, region: str, engine: Machines, answering: bool) -> None:
        try:
            await self.reports.answers(region, engine.provider, answering, CAUSE)
        except EXPECTED_ERRORS as error:
            log.info("whether an engine answers was not recorded", extra={"region": region, "because": str(error)})
