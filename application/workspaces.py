"""Workspaces: commands of people, of processes, and of the sweep."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from application.access import Actor, Cause, require
from application.machine_configs import MachineConfigs, template_of
from application.machine_facts import error_line, facts
from application.orphans import OrphanReports, is_over
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock, Ids
from application.ports.errors import EngineRefused, Unavailable
from application.ports.machines import Machine, MachineChange, Machines, Template
from application.ports.regions import Engines
from application.ports.templates import Templates
from application.quotas import QuotaLimits
from application.regions import Regions
from application.seat_machines import SeatMachines
from application.ssh_grants import SshGrants
from domain.aggregate import Aggregate
from domain.errors import Invalid, NotFound
from domain.machine import Operation, Status
from domain.quota_defaults import Kind
from domain.region import LOCAL
from domain.request_key import RequestKey
from domain.workspace import Workspace

MAX_ATTEMPTS = 20  # at a change; the other seats of a workshop report at the same time


Decide = Callable[[Workspace], None]


@dataclass(frozen=True)
class Workspaces:
    """Commands on workspaces."""

    platform: Platform
    clock: Clock
    ids: Ids
    engines: Engines
    regions: Regions
    configs: MachineConfigs
    templates: Templates
    default_template: str
    max_term: timedelta
    warning_lead: timedelta
    provision_patience: timedelta
    grants: SshGrants
    seats: SeatMachines
    quotas: QuotaLimits
    orphans: OrphanReports

    # -- commands of people --------------------------------

    async def request(
        self,
        actor: Actor,
        *,
        name: str,
        ttl_seconds: int | None,
        key: str | None = None,
        template: str | None = None,
        machine: str | None = None,
        region: str | None = None,
    ) -> Workspace:
        """A new workspace; its machine is being created. A repeated `key` returns the workspace of the first request.

        `template`, `machine` and `region` are as for `build`. Raises `Invalid`, and `Conflict` for a key that was used
        with another request, or a quota that is used up.
        """
        workspace = await self.build(
            actor,
            id=self.ids(),
            name=name,
            ttl_seconds=ttl_seconds,
            template=template,
            machine=machine,
            region=region,
        )
        if key is None:
            async with self.quotas.reserve(actor, Kind.WORKSPACES, workspace.id):
                await self.platform.commit(actor.cause, workspace)
            return workspace
        origin = tuple(one for one in (machine, region) if one)
        fingerprint = sha256(repr((name, template, ttl_seconds, *origin)).encode()).hexdigest()
        return await self._store_once(actor, key, fingerprint, workspace)

    async def build(
        self,
        actor: Actor,
        *,
        id: UUID,
        name: str,
        ttl_seconds: int | None,
        template: str | None = None,
        machine: str | None = None,
        region: str | None = None,
    ) -> Workspace:
        """A new workspace that is not stored yet, to be stored together with something else.

        It is made from a template, or from a machine configuration (`machine`), in a region. None: the default ones.
        Raises `Invalid` for an unknown one, with the known names.
        """
        require(actor, "workspace.request")
        made_from = await self.configs.made_from(machine) if machine is not None else None
        region = LOCAL if region is None else region
        await self.regions.require(region)
        engine = await self.engines.at(region)
        if template is not None:
            await self._template(engine, template)
        return Workspace.request(
            id=id,
            owner_id=actor.user_id,
            name=name,
            template=template,
            region=region,
            made_from=made_from,
            provider=engine.provider,
            ttl_seconds=ttl_seconds,
            max_term=self.max_term,
            now=self.clock(),
            warning_lead=self.warning_lead,
            patience=self.provision_patience,
        )

    async def _store_once(self, actor: Actor, key: str, fingerprint: str, workspace: Workspace) -> Workspace:
        """Store a workspace under a key. If the key was used before, return the first workspace as it was when new."""
        request_key = RequestKey(
            id=RequestKey.id_of(actor.user_id, key),
            at=self.clock(),
            owner_id=actor.user_id,
            fingerprint=fingerprint,
            subject_id=workspace.id,
        )
        if await self.platform.last_event(request_key.id) is None:  # else it needs no quota
            with suppress(ConcurrentUpdate):
                async with self.quotas.reserve(actor, Kind.WORKSPACES, workspace.id):
                    await self.platform.commit(actor.cause, workspace, request_key)
                return workspace
        before = await self.platform.load(RequestKey, request_key.id)
        return await self.platform.load(Workspace, before.subject_of(fingerprint), version=1)

    async def operate(
        self, actor: Actor, id: UUID, operation: Operation, *, snapshot_id: UUID | None = None, label: str = ""
    ) -> Workspace:
        """Start, stop, restart, snapshot or restore a workspace; this returns before it is done."""

        def ask(workspace: Workspace) -> None:
            self._require(actor, "workspace.operate", workspace)
            id_of_snapshot = self.ids() if operation == Operation.SNAPSHOT else snapshot_id
            workspace.request_operation(operation, self.clock(), snapshot_id=id_of_snapshot, label=label)

        return await self.platform.change(actor.cause, Workspace, id, ask)

    async def extend(self, actor: Actor, id: UUID, ttl_seconds: int) -> Workspace:
        """Lend a workspace for `ttl_seconds` more."""

        def extend(workspace: Workspace) -> None:
            self._require(actor, "workspace.extend", workspace)
            workspace.extend(ttl_seconds, self.max_term, self.clock(), self.warning_lead)

        return await self.platform.change(actor.cause, Workspace, id, extend)

    async def delete(self, actor: Actor, id: UUID) -> None:
        """Delete a workspace in any state. Its machine is destroyed in the background."""

        def delete(workspace: Workspace) -> None:
            self._require(actor, "workspace.delete", workspace)
            workspace.delete(self.clock())

        await self.grants.end(actor.cause, id, delete)

    # -- commands of processes ----------

    async def provision(self, id: UUID, cause: Cause) -> None:
        """Create the machine of a requested workspace.

        Raises `Unavailable` while the engine does not answer, to be tried again.
        """
        workspace = await self.platform.load(Workspace, id)
        if workspace.status != Status.CREATING:
            return
        try:
            machine = facts(await self._ensure_running(await self._engine(workspace), workspace))
        except Unavailable as error:
            reason = error_line(error)
            await self._change(cause, id, lambda workspace: workspace.delayed(reason, self.clock()))
            raise
        except (EngineRefused, Invalid) as error:
            reason = error_line(error)
            await self._change(cause, id, lambda workspace: workspace.give_up(reason, self.clock()))
            return
        workspace = await self._change(cause, id, lambda workspace: workspace.provisioned(machine, self.clock()))
        if workspace.status in (Status.FAILED, Status.ENDED):
            # It was given up or deleted meanwhile: this machine came too late, and nothing else would remove it.
            await (await self._engine(workspace)).ensure_gone(id)

    async def give_up(self, id: UUID, cause: Cause) -> None:
        """Give up on a machine that was not ready in time."""

        def give_up(workspace: Workspace) -> None:
            reason = workspace.waiting or "its machine was not ready in time"
            workspace.give_up(f"given up: {reason}", self.clock())

        await self._change(cause, id, give_up)

    async def clear(self, id: UUID, cause: Cause) -> None:
        """Remove what is left on the engine of a workspace that failed."""
        await (await self._engine(await self.platform.load(Workspace, id))).ensure_gone(id)
        await self._change(cause, id, lambda workspace: workspace.cleared(self.clock()))

    async def operate_now(self, id: UUID, cause: Cause) -> None:
        """Carry out the operation under way, and record how it ended."""
        workspace = await self.platform.load(Workspace, id)
        engine, operation_id = await self._engine(workspace), workspace.operation_id
        if operation_id is None:
            return
        try:
            report = await self._carry_out(engine, workspace, operation_id)
        except (EngineRefused, Invalid) as error:
            reason = error_line(error)
            await self._change(
                cause, id, lambda workspace: workspace.operation_failed(operation_id, reason, self.clock())
            )
        else:
            await self._change(cause, id, report)

    async def _carry_out(self, engine: Machines, workspace: Workspace, operation_id: UUID) -> Decide:
        """Carry the operation out on the engine. Returns the change that records it."""
        id = workspace.id
        match workspace.operation, workspace.snapshot_id:
            case Operation.STOP, _:
                await engine.ensure_stopped(id)
                return lambda workspace: workspace.stopped(operation_id, self.clock())
            case Operation.SNAPSHOT, UUID() as snapshot_id:
                size = await engine.snapshot(id, snapshot_id)
                return lambda workspace: workspace.snapshot_taken(operation_id, size, self.clock())
            case Operation.RESTART, _:
                machine = await engine.restart(id)
            case Operation.RESTORE, UUID() as snapshot_id:
                template = await self._template_of(engine, workspace)
                machine = await engine.restore(id, template, snapshot_id, operation_id)
                await self.grants.apply(id, engine, template.user)
            case _:
                machine = await self._ensure_running(engine, workspace)
        return lambda workspace: workspace.started(operation_id, facts(machine), self.clock())

    async def warn(self, id: UUID, cause: Cause) -> None:
        """Record that the term is about to end."""
        await self._change(cause, id, lambda workspace: workspace.warn(self.clock()))

    async def expire(self, id: UUID, cause: Cause) -> None:
        """End a workspace whose term is over."""
        await self.grants.end(cause, id, lambda workspace: workspace.expire(self.clock()))

    async def destroy(self, id: UUID, cause: Cause) -> None:
        """Destroy the machine of an ended workspace."""
        await (await self._engine(await self.platform.load(Workspace, id))).ensure_gone(id)
        await self._change(cause, id, lambda workspace: workspace.destroyed(self.clock()))

    # -- commands of the sweep --------------

    async def reconcile(self, id: UUID, cause: Cause, region: str = LOCAL, change: MachineChange | None = None) -> bool:
        """Compare one machine of a region with the log, and record where they differ.

        `change` is what the engine has reported, if it has: it tells the reason. Returns False if the machine has to be
        compared again later. Nothing is recorded then: the log has changed meanwhile, and the machine may have been
        seen before that change; or the machine is being worked on, and that records its own end.
        """
        before = await self._version(id)
        engine = await self.engines.at(region)
        machine = await engine.find(id)
        if await self._version(id) != before:
            return False
        workspace = await self.platform.load(Workspace, id, before) if before else None
        elsewhere = workspace is None or workspace.region != region
        if workspace is None or elsewhere or is_over(workspace):
            being_cleared = workspace is not None and workspace.uncleared and not elsewhere
            if machine and not being_cleared:
                await self.orphans.machine(machine, engine.provider, region, cause, is_over=not elsewhere)
            return True
        if workspace.status == Status.CREATING or workspace.operation:
            return False
        absence, end = (change.absence, change.end) if change else (None, None)
        if machine and machine.end and (end is None or machine.end["out_of_memory"]):
            end = machine.end
        is_current = False

        def compare(workspace: Workspace) -> None:
            nonlocal is_current
            now = self.clock()
            is_current = workspace.version == before
            if not is_current:
                return
            if machine is None:
                workspace.vanished(absence or f"its machine has vanished from {workspace.provider}", now)
            elif machine.running:
                workspace.found_running(facts(machine), now, end)
            elif workspace.status == Status.RUNNING:
                workspace.stopped(None, now, end)

        await self._change(cause, id, compare)
        return is_current

    # -- helpers -------------------------------------------------------------------

    async def _ensure_running(self, engine: Machines, workspace: Workspace) -> Machine:
        """The running machine of a workspace, open to exactly those who may log in."""
        template = await self._template_of(engine, workspace)
        machine = await engine.ensure_running(workspace.id, template)
        await self.grants.apply(workspace.id, engine, template.user)
        return machine

    async def _version(self, id: UUID) -> int:
        """The version of a workspace; 0 if there is none."""
        try:
            return (await self.platform.load(Workspace, id)).version
        except NotFound:
            return 0

    def _require(self, actor: Actor, action: str, workspace: Workspace) -> None:
        require(actor, action, workspace.owner_id)
        if workspace.status == Status.ENDED:
            raise NotFound("no such workspace")

    async def _change(self, cause: Cause, id: UUID, decide: Decide) -> Workspace:
        async def change(workspace: Workspace) -> list[Aggregate]:
            decide(workspace)
            return await self.seats.workshop_changes(workspace)

        return await self.platform.change_with(cause, Workspace, id, change, MAX_ATTEMPTS)

    async def _template(self, engine: Machines, name: str) -> Template:
        templates = await self.templates.available(engine)
        if name not in templates:
            raise Invalid(f'there is no template "{name[:50]}"; there are {", ".join(sorted(templates))}')
        return templates[name]

    async def _template_of(self, engine: Machines, workspace: Workspace) -> Template:
        if workspace.made_from:
            return template_of(workspace.made_from)
        return await self.seats.complete_template(
            workspace, await self._template(engine, workspace.template or self.default_template)
        )

    async def _engine(self, workspace: Workspace) -> Machines:
        """The engine of a workspace's machine. Raises `Unavailable` if another provider is in use now."""
        engine = await self.engines.at(workspace.region)
        if workspace.provider != engine.provider:
            raise Unavailable(workspace.provider, f"made on {workspace.provider}, which is not in use now", 60)
        return engine
