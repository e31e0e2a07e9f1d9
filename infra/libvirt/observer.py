"""What happens to virtual machines, as facts: the hypervisor tells, and where the log knows otherwise it is told."""

from __future__ import annotations

import asyncio
import logging

import psycopg

from application.access import Cause
from application.ports.errors import Unavailable
from application.ports.hypervisors import CRASHED, FOUND, LOST, STARTED, STOPPED, UNDEFINED, Fact, Hypervisor
from application.vm_machines import FOUND_OFF, VmMachines
from domain.errors import Refused
from infra.postgres import database
from projections import vm_configs
from projections.query import Queries

log = logging.getLogger(__name__)
OBSERVING = 7_313  # advisory lock: one process writes, however many there are
TRY, TAKE = f"select pg_try_advisory_lock({OBSERVING})", f"select pg_advisory_lock({OBSERVING})"
CAUSE, LAUNCH = Cause(request_id="hypervisor"), Cause(request_id="launch")
PATIENCE = 1.0  # seconds until it looks again, where something was not there
REASONS = {
    STARTED: FOUND_OFF,
    STOPPED: "it was switched off, from inside or by the hypervisor",
    CRASHED: "QEMU has crashed, or was killed",
}


class VmObserver:
    def __init__(self, url: str, hypervisor: Hypervisor, machines: VmMachines, queries: Queries) -> None:
        self._url, self._hypervisor, self._machines, self._queries = url, hypervisor, machines, queries
        self._launches = True

    async def run(self) -> None:
        """Until cancelled. The lock goes with the connection, so that another takes over from one that dies."""
        while True:
            try:
                conn = await database.connect(self._url)
                try:
                    (mine,) = await (await conn.execute(TRY)).fetchone() or (False,)
                    if not mine:  # somebody runs already: to take over from them is no launch
                        self._launches = False
                        await conn.execute(TAKE)
                    await self._observe()
                finally:
                    await conn.close()
            except (psycopg.OperationalError, Unavailable) as away:
                log.info("machines cannot be looked at now", extra={"because": str(away)})
            except Refused as raced:
                log.warning("a machine was not compared with the log", extra={"because": str(raced)})
            await asyncio.sleep(PATIENCE)

    async def _observe(self) -> None:
        async for fact in self._hypervisor.facts():
            await self._heard(fact)

    async def _heard(self, fact: Fact) -> None:
        if fact.vm is None:
            if fact.what == FOUND or (fact.what == LOST and (await vm_configs.list_all(self._queries)).rows):
                await self._machines.answers(fact.what == FOUND, CAUSE)
            if fact.what == FOUND:
                await self._compare()
        elif fact.what == UNDEFINED:
            await self._machines.undefined(fact.vm, CAUSE)
        else:
            await self._machines.look(fact.vm, CAUSE, REASONS[fact.what])

    async def _compare(self) -> None:
        """All that are known here, or run there; and at a launch, start those that are to start by themselves."""
        rows = (await vm_configs.list_all(self._queries)).rows
        for id in {row.id for row in rows} | await self._hypervisor.running():
            await self._machines.look(id, CAUSE, FOUND_OFF)
        if self._launches:
            self._launches = False
            await self._machines.passwords.forget_strays([row.id for row in rows])
            for row in rows:
                if row.document["autostart"]:
                    await self._machines.revive(row.id, LAUNCH)
