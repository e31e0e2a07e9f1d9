"""Tells the log what happens to virtual machines, as the hypervisor reports it."""

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
OBSERVER_LOCK = 7_313  # advisory: one process of the installation writes what it observes
TRY_LOCK, TAKE_LOCK = f"select pg_try_advisory_lock({OBSERVER_LOCK})", f"select pg_advisory_lock({OBSERVER_LOCK})"
CAUSE, LAUNCH = Cause(request_id="hypervisor"), Cause(request_id="launch")
RETRY_PAUSE_S = 1.0  # while the database or the hypervisor does not answer
REASONS = {
    STARTED: FOUND_OFF,
    STOPPED: "it was switched off, from inside or by the hypervisor",
    CRASHED: "QEMU has crashed, or was killed",
}


class VmObserver:
    """Compares machines with the log, and writes where they differ. Starts those with `autostart` at a launch."""

    def __init__(self, url: str, hypervisor: Hypervisor, machines: VmMachines, queries: Queries) -> None:
        self._url, self._hypervisor, self._machines, self._queries = url, hypervisor, machines, queries
        self._is_launch = True

    async def run(self) -> None:
        """Observe until cancelled. The lock is freed with its connection, so that another process takes over."""
        while True:
            try:
                conn = await database.connect(self._url)
                try:
                    (has_lock,) = await (await conn.execute(TRY_LOCK)).fetchone() or (False,)
                    if not has_lock:  # another process observes already: to take over from it is no launch
                        self._is_launch = False
                        await conn.execute(TAKE_LOCK)
                    await self._observe()
                finally:
                    await conn.close()
            except (psycopg.OperationalError, Unavailable) as error:
                log.info("machines cannot be looked at now", extra={"because": str(error)})
            except Refused as error:
                log.warning("a machine was not compared with the log", extra={"because": str(error)})
            await asyncio.sleep(RETRY_PAUSE_S)

    async def _observe(self) -> None:
        async for fact in self._hypervisor.facts():
            await self._record(fact)

    async def _record(self, fact: Fact) -> None:
        if fact.vm is None:
            if fact.kind == FOUND or (fact.kind == LOST and (await vm_configs.list_all(self._queries)).rows):
                await self._machines.answers(fact.kind == FOUND, CAUSE)
            if fact.kind == FOUND:
                await self._compare()
        elif fact.kind == UNDEFINED:
            await self._machines.undefined(fact.vm, CAUSE)
        else:
            await self._machines.look(fact.vm, CAUSE, REASONS[fact.kind])

    async def _compare(self) -> None:
        """Compare all machines of the log and of the hypervisor; at a launch, start those with `autostart`."""
        rows = (await vm_configs.list_all(self._queries)).rows
        for id in {row.id for row in rows} | await self._hypervisor.running():
            await self._machines.look(id, CAUSE, FOUND_OFF)
        if self._is_launch:
            self._is_launch = False
            await self._machines.passwords.forget_strays([row.id for row in rows])
            for row in rows:
                if row.document["autostart"]:
                    await self._machines.revive(row.id, LAUNCH)
