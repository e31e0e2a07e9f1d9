"""Comparing what the engine really runs, by our labels, with the log. What differs is looked at one by one."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from application.access import Cause
from application.ports import Machines
from application.workspaces import Workspaces
from projections import workspaces
from projections.reads import Reads

log = logging.getLogger(__name__)
SWEEPING = 7_304  # advisory lock: one sweep at a time, however many workers there are


@dataclass
class Sweep:
    pool: AsyncConnectionPool[Any]
    reads: Reads
    machines: Machines
    workspaces: Workspaces

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
        # The engine first: whatever made a machine was recorded before it was made.
        running = {machine.workspace_id: machine.running for machine in await self.machines.all()}
        held = await workspaces.on_engine(self.reads, self.machines.provider)
        differ = [id for id in {*running, *held} if running.get(id) != held.get(id)]
        for id in differ:
            await self.workspaces.reconcile(id, Cause(request_id="sweep"))
        return differ
