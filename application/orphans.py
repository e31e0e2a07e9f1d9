"""Orphans: what engines run under Tenure's label without the log knowing it.

A copy of a log, and a log that was rolled back, do not know machines that are in use. So an orphan is reported and
left. It is destroyed by itself only after a grace, and only where this log has made it. All others wait for an
administrator. What is left of a workspace that has ended is no orphan of that sort: the log knows that it is over.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.access import Actor, Cause, require
from application.machine_facts import facts
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.ports.errors import Unavailable
from application.ports.hypervisors import Hypervisor, RunningVm
from application.ports.machines import Machine, Machines, Network
from application.ports.regions import Engines
from domain.errors import Conflict, NotFound
from domain.orphan import Orphan, OrphanKind
from domain.vm.vm_config import VmConfig
from domain.workshop import Workshop
from domain.workspace import Workspace

log = logging.getLogger(__name__)
VM_PROVIDER = "libvirt"
ELSEWHERE_RETRY_AFTER_S = 60


@dataclass(frozen=True)
class OrphanReports:
    """Records orphans that were found."""

    platform: Platform
    clock: Clock
    grace: timedelta

    async def machine(self, machine: Machine, provider: str, region: str, cause: Cause, is_over: bool) -> None:
        """Record a machine. `is_over`: its workspace is in the log, and has ended, so that nobody misses it."""
        subject = (machine.workspace_id, machine.provider_id, machine.engine_id)
        await self._record(cause, OrphanKind.MACHINE, subject, provider, region, machine.is_of_this_log, is_over)

    async def network(self, network: Network, provider: str, region: str, cause: Cause) -> None:
        """Record a network whose workshop needs none, as far as the log knows."""
        subject = (network.id, str(network.id), network.engine_id)
        await self._record(cause, OrphanKind.NETWORK, subject, provider, region, network.is_of_this_log, False)

    async def vm(self, vm: UUID, running: RunningVm, region: str, cause: Cause) -> None:
        """Record a virtual machine that is in no configuration."""
        subject = (vm, running.provider_id, running.engine_id)
        await self._record(cause, OrphanKind.VM, subject, VM_PROVIDER, region, running.is_of_this_log, False)

    async def _record(
        self,
        cause: Cause,
        kind: OrphanKind,
        subject: tuple[UUID, str, str],
        provider: str,
        region: str,
        is_of_this_log: bool,
        is_over: bool,
    ) -> None:
        workspace_id, provider_id, engine_id = subject
        id, now = Orphan.id_of(workspace_id, engine_id), self.clock()
        if await self.platform.last_event(id):
            return  # recorded before
        grace = timedelta(0) if is_over else self.grace
        orphan = Orphan(
            id=id,
            at=now,
            workspace_id=workspace_id,
            provider=provider,
            provider_id=provider_id,
            engine_id=engine_id,
            region=region,
            kind=str(kind),
            destroy_at=now + grace if is_over or is_of_this_log else None,
        )
        try:
            await self.platform.commit(cause, orphan)
        except ConcurrentUpdate:
            return  # recorded by another process
        if not is_over:
            fields = {"kind": str(kind), "machine": provider_id, "region": region, "orphan": str(id)}
            log.warning("found on an engine, and not in the log: see `tenure orphans list`", extra=fields)


@dataclass(frozen=True)
class Orphans:
    """Commands on orphans."""

    platform: Platform
    clock: Clock
    engines: Engines
    hypervisor: Hypervisor

    # -- commands of people -------------------------------------------------------

    async def request_destruction(self, actor: Actor, id: UUID) -> None:
        """Have an orphan destroyed; this returns before it is. Raises `NotFound`."""
        require(actor, "orphan.settle")
        await self.platform.change(actor.cause, Orphan, id, lambda orphan: orphan.request_destruction(self.clock()))

    async def adopt(self, actor: Actor, id: UUID, name: str) -> Workspace:
        """Take an orphan into the log, as a workspace without a term that the actor holds.

        Raises `NotFound`, `Invalid` for the name, `Unavailable`; `Conflict` where the log has its workspace.
        """
        require(actor, "orphan.settle")
        orphan = await self.platform.load(Orphan, id)
        now = self.clock()
        orphan.adopt(actor.user_id, now)
        if await self.platform.last_event(orphan.workspace_id):
            raise Conflict("its workspace is in the log already; destroy the orphan, or leave it")
        engine = await self._engine(orphan)
        machine = await engine.find(orphan.workspace_id)
        if machine is None or machine.engine_id != orphan.engine_id:
            raise NotFound("it is not on its engine any more")
        workspace = Workspace.request(
            id=orphan.workspace_id,
            owner_id=actor.user_id,
            name=name,
            template=None,
            region=orphan.region,
            provider=orphan.provider,
            ttl_seconds=None,
            max_term=timedelta(0),  # there is no term
            now=now,
        )
        workspace.provisioned(facts(machine), now)
        if not machine.running:
            workspace.stopped(None, now, machine.end)
        await self.platform.commit(actor.cause, orphan, workspace)
        return workspace

    # -- commands of processes and of the sweep -------------------------------------

    async def destroy(self, id: UUID, cause: Cause) -> None:
        """Remove an orphan from its engine, if its grace is over or an administrator has said so.

        It stays where another log may hold it by now. Raises `Unavailable` while its engine does not answer, or where
        another provider is in use.
        """
        orphan = await self.platform.load(Orphan, id)
        if orphan.settled:
            return
        match orphan.kind:
            case OrphanKind.VM:
                must_stay = await self._destroy_vm(orphan)
            case OrphanKind.NETWORK:
                must_stay = await self._destroy_network(orphan)
            case _:
                must_stay = await self._destroy_machine(orphan)
        if must_stay:
            await self.platform.change(cause, Orphan, id, lambda orphan: orphan.hold(self.clock()))
        else:
            await self.record_removal(id, cause)

    async def record_removal(self, id: UUID, cause: Cause) -> None:
        """Record that an orphan is not on its engine any more, whoever removed it."""
        await self.platform.change(cause, Orphan, id, lambda orphan: orphan.destroyed(self.clock()))

    async def exists(self, orphan_id: UUID) -> bool:
        """Whether an orphan is still on its engine. Raises `Unavailable`."""
        orphan = await self.platform.load(Orphan, orphan_id)
        match orphan.kind:
            case OrphanKind.VM:
                return await self._find_vm(orphan) is not None
            case OrphanKind.NETWORK:
                return await self._find_network(orphan) is not None
        return await self._find_machine(orphan) is not None

    # -- helpers ------------------------------------------------------------------

    async def _destroy_machine(self, orphan: Orphan) -> bool:
        """Returns whether it must stay."""
        machine = await self._find_machine(orphan)
        if machine is None:
            return False
        workspace = await self._workspace(orphan.workspace_id)
        if workspace and not is_over(workspace) and workspace.region == orphan.region:
            return True  # the log has come to know it
        is_leftover = workspace is not None and workspace.region == orphan.region
        if not (orphan.destroy_requested or is_leftover or machine.is_of_this_log):
            return True
        await (await self._engine(orphan)).ensure_gone(orphan.workspace_id)
        return False

    async def _destroy_network(self, orphan: Orphan) -> bool:
        network = await self._find_network(orphan)
        if network is None:
            return False
        if await self._needs_network(orphan.workspace_id):
            return True
        if not (orphan.destroy_requested or network.is_of_this_log):
            return True
        await (await self._engine(orphan)).ensure_no_network(orphan.workspace_id)
        return False

    async def _destroy_vm(self, orphan: Orphan) -> bool:
        running = await self._find_vm(orphan)
        if running is None:
            return False
        if await self._has_vm(orphan.workspace_id):
            return True
        if not (orphan.destroy_requested or running.is_of_this_log):
            return True
        await self.hypervisor.ensure_gone(orphan.workspace_id)
        return False

    async def _find_machine(self, orphan: Orphan) -> Machine | None:
        machine = await (await self._engine(orphan)).find(orphan.workspace_id)
        return machine if machine and machine.engine_id == orphan.engine_id else None

    async def _find_network(self, orphan: Orphan) -> Network | None:
        networks = await (await self._engine(orphan)).networks()
        return next((network for network in networks if network.engine_id == orphan.engine_id), None)

    async def _find_vm(self, orphan: Orphan) -> RunningVm | None:
        running = await self.hypervisor.inspect(orphan.workspace_id)
        return running if running and running.engine_id == orphan.engine_id else None

    async def _workspace(self, id: UUID) -> Workspace | None:
        try:
            return await self.platform.load(Workspace, id)
        except NotFound:
            return None

    async def _needs_network(self, workshop_id: UUID) -> bool:
        try:
            workshop = await self.platform.load(Workshop, workshop_id)
        except NotFound:
            return False
        return needs_network(workshop)

    async def _has_vm(self, id: UUID) -> bool:
        try:
            return not (await self.platform.load(VmConfig, id)).deleted
        except NotFound:
            return False

    async def _engine(self, orphan: Orphan) -> Machines:
        engine = await self.engines.at(orphan.region)
        if orphan.provider != engine.provider:
            reason = f"found on {orphan.provider}, which is not in use now"
            raise Unavailable(orphan.provider, reason, ELSEWHERE_RETRY_AFTER_S)
        return engine


def is_over(workspace: Workspace) -> bool:
    """Whether the log says that nothing of this workspace ought to be on its engine, and never will be again."""
    return workspace.destroyed_at is not None or (workspace.error is not None and workspace.machine is None)


def needs_network(workshop: Workshop) -> bool:
    """Whether the machines of this workshop have a network, or will have one soon."""
    return bool(workshop.live_machines) or workshop.status not in ("created", "stopped")
