"""Tenure at work: everything that the builders make, its background tasks, and how all of it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from psycopg_pool import AsyncConnectionPool

from application.parked_work import ParkedWork
from application.ports.clock import Clock
from application.ports.hypervisors import Hypervisor
from application.ports.machines import Machines
from infra.docker.regions import RegionEngines
from infra.monitoring.health import HealthMonitor
from infra.reconcile.idle_sessions import IdleSessions
from infra.reconcile.sweep import Sweep
from infra.runtime.clock import utc_now
from infra.runtime.tasks import end_tasks
from infra.settings import Settings
from infra.tables.hashing import HashingQueue
from infra.wiring.api_keys import build_api_keys
from infra.wiring.contracts import build_contracts
from infra.wiring.database import open_database
from infra.wiring.engines import OpenRegion, open_engines
from infra.wiring.epoch import follow_log, settle_epoch
from infra.wiring.eventlog import build_event_log
from infra.wiring.foundation import build_foundation
from infra.wiring.hosted_sessions import build_hosted_sessions
from infra.wiring.people import PeopleServices, build_people
from infra.wiring.ssh_grants import build_ssh_grants
from infra.wiring.terminals import build_terminals
from infra.wiring.vm_accounts import build_vm_accounts
from infra.wiring.vms import build_vms
from infra.wiring.work_commands import work_commands
from infra.wiring.workshops import build_workshops
from infra.wiring.workspaces import build_workspaces
from interfaces.app import ContractDeps
from projections import work
from projections.hub import Hub


@dataclass(frozen=True)
class Overrides:
    """What takes the place of what the settings say. None: as they say. Whoever overrides something closes it."""

    machines: Machines | None = None  # of the local region
    open_region: OpenRegion | None = None
    hypervisor: Hypervisor | None = None
    clock: Clock | None = None
    reconciles: bool = True  # False: `Tenure.sweep` and `Tenure.idle_sessions` do nothing until `run_once` is called


@dataclass(frozen=True)
class Tenure:
    """Tenure while it is at work."""

    settings: Settings
    deps: ContractDeps
    hub: Hub
    machines: Machines  # of the local region
    engines: RegionEngines
    pool: AsyncConnectionPool[Any]
    sweep: Sweep
    idle_sessions: IdleSessions
    hashing: HashingQueue
    owner_link: str | None  # the address that makes somebody the owner; None where a local request does, and if owned
    refolded: bool  # the read models were folded anew at this start


log = logging.getLogger(__name__)
AS_SET = Overrides()


@asynccontextmanager
async def running(settings: Settings, url: str, overrides: Overrides = AS_SET) -> AsyncIterator[Tenure]:
    """Tenure at work on the database at `url` until the block is left.

    A background task that fails cancels the block and raises an `ExceptionGroup`. Raises `CannotStart`.
    """
    database = await open_database(url)
    epoch = await settle_epoch(url, settings.home, is_embedded=settings.database_url is None)
    base = build_foundation(settings, database, epoch.id, overrides.clock or utc_now, overrides.reconciles)
    await base.pool.open()
    engines = None
    try:
        engines = await open_engines(base, overrides.machines, overrides.open_region)
        people = build_people(base)
        keys = build_api_keys(base, people)
        terminals = build_terminals(base, engines)
        workshops = build_workshops(base, engines, keys)
        ssh = build_ssh_grants(base)
        vms = build_vms(base, overrides.hypervisor)
        workspaces = build_workspaces(base, engines, ssh, workshops, vms)
        hosted_sessions = build_hosted_sessions(base, engines, ssh, workspaces, terminals)
        vm_accounts = build_vm_accounts(base, people, keys)
        await vm_accounts.start()
        await unite_local_names(settings, people)
        owner_link = await offer_owner_link(settings, people)
        parked_work = ParkedWork(base.platform, base.clock, partial(work.is_parked, base.queries))
        deps = build_contracts(
            base,
            engines=engines,
            people=people,
            keys=keys,
            workspaces=workspaces,
            terminals=terminals,
            hosted_sessions=hosted_sessions,
            workshops=workshops,
            vm_accounts=vm_accounts,
            vms=vms,
            parked_work=parked_work,
            health=HealthMonitor(base.pool, base.hub, engines.local, engines.by_region, base.clock, base.platform),
        )
        commands = work_commands(
            workspaces=workspaces.workspaces,
            orphans=workspaces.orphans,
            users=people.users,
            invites=people.invites,
            claims=terminals.claims,
            api_keys=keys.api_keys,
            vm_accounts=vm_accounts.accounts,
            vm_machines=vms.machines,
            workshops=workshops.workshops,
            hosted_sessions=hosted_sessions.hosted_sessions,
            guests=hosted_sessions.guests,
        )
        background = dict(build_event_log(base, commands, parked_work)) | {
            "home mark": partial(follow_log, settings.home, epoch, base.signals.followed)
        }
        for subject in (keys, terminals, workspaces, hosted_sessions, vms):
            background |= subject.background
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(), name=name) for name, run in background.items()]
            try:
                yield Tenure(
                    settings=settings,
                    deps=deps,
                    hub=base.hub,
                    machines=engines.local,
                    engines=engines.by_region,
                    pool=base.pool,
                    sweep=workspaces.sweep,
                    idle_sessions=hosted_sessions.idle_sessions,
                    hashing=base.hashing,
                    owner_link=owner_link,
                    refolded=database.refolded,
                )
            finally:
                await terminals.close()
                await end_tasks(tasks)
                await vms.close()
    finally:
        base.hashing.close()
        await base.pool.close()
        await database.close()
        if engines:
            engines.close()


async def unite_local_names(settings: Settings, people: PeopleServices) -> None:
    """Make names of version 0.1 one user each, and warn of those that have to stay two."""
    if (
        settings.is_local_and_private
        and settings.role != "worker"
        and (count := await people.accounts.unite_local_names())
    ):
        log.warning("names of version 0.1 are still two users; docs/how-to/upgrade.md says why", extra={"names": count})


async def offer_owner_link(settings: Settings, people: PeopleServices) -> str | None:
    """Return the address of a new one-time link to ownership; None where requests of this machine own, or if owned."""
    if settings.is_local_and_private or settings.role == "worker":
        return None
    token = await people.ownership.offer_link()
    return f"{settings.url}/invite/{token}" if token else None
