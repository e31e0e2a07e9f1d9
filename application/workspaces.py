"""What can be asked of workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from application.access import Actor, Cause, require
from application.machine_configs import MachineConfigs, template_of
from application.machine_facts import error_line, facts
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock, Ids
from application.ports.errors import EngineRefused, Unavailable
from application.ports.machines import Machine, Machines, Template
from application.ports.regions import Engines
from application.regions import Regions
from application.seat_machines import SeatMachines
from application.ssh_grants import Tenancy
from domain.aggregate import Aggregate
from domain.errors import Invalid, NotFound
from domain.machine import Operation, Status
from domain.orphan import Orphan
from domain.region import LOCAL
from domain.request_key import RequestKey
from domain.workspace import Workspace

TRIES = 20  # of a change, while the other seats of a workshop report as well


@dataclass(frozen=True)
class Workspaces:
    platform: Platform
    clock: Clock
    ids: Ids
    engines: Engines
    regions: Regions
    configs: MachineConfigs
    templates: Mapping[str, Template]
    default_template: str
    longest: timedelta  # the longest term that is lent
    tenancy: Tenancy
    seats: SeatMachines

    # -- asked by people, through the contracts --------------------------------

    async def request(
        self, actor: Actor, *, name: str, ttl_seconds: int | None, key: str | None = None, **made_of: str | None
    ) -> Workspace:
        """A new workspace, being created. The same `key` again answers what it answered the first time.

        `made_of`: its template or machine, and its region, as `made` takes them.
        """
        workspace = await self.made(actor, id=self.ids(), name=name, ttl_seconds=ttl_seconds, **made_of)
        if key is None:
            await self.platform.commit(actor.cause, workspace)
            return workspace
        more = tuple(made_of[one] for one in ("machine", "region") if made_of.get(one))
        asked = sha256(repr((name, made_of.get("template"), ttl_seconds, *more)).encode()).hexdigest()
        return await self._once(actor, key, asked, workspace)

    async def made(
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
        """A new one that is not stored yet, for who stores something else with it.

        It is made from a template, or from a machine configuration (`machine`), in a region; None: the default ones.
        `Invalid` for one that is not known, with the names of those that are.
        """
        require(actor, "workspace.request")
        if template is not None:
            self._template(template)
        made_from = await self.configs.made_from(machine) if machine is not None else None
        region = LOCAL if region is None else region
        await self.regions.require(region)
        return Workspace.request(
            id=id,
            owner_id=actor.user_id,
            name=name,
            template=template,
            region=region,
            made_from=made_from,
            provider=(await self.engines.at(region)).provider,
            ttl_seconds=ttl_seconds,
            longest=self.longest,
            now=self.clock(),
        )

    async def _once(self, actor: Actor, key: str, asked: str, workspace: Workspace) -> Workspace:
        """Store it under the key, unless something is; then answer that, as it was when it was new."""
        used = RequestKey(
            id=RequestKey.id_of(actor.user_id, key),
            at=self.clock(),
            owner_id=actor.user_id,
            fingerprint=asked,
            subject_id=workspace.id,
        )
        try:
            await self.platform.commit(actor.cause, workspace, used)
            return workspace
        except ConcurrentUpdate:
            before = await self.platform.load(RequestKey, used.id)
            return await self.platform.load(Workspace, before.same(asked), version=1)

    async def operate(
        self, actor: Actor, id: UUID, operation: Operation, *, snapshot_id: UUID | None = None, label: str = ""
    ) -> Workspace:
        """Start, stop, restart, snapshot or restore it. It is under way when this returns, not done."""

        def ask(workspace: Workspace) -> None:
            self._may(actor, "workspace.operate", workspace)
            taken = self.ids() if operation == Operation.SNAPSHOT else snapshot_id
            workspace.ask(operation, self.clock(), snapshot_id=taken, label=label)

        return await self.platform.change(actor.cause, Workspace, id, ask)

    async def extend(self, actor: Actor, id: UUID, ttl_seconds: int) -> Workspace:
        """Lend it for so many seconds more."""

        def extend(workspace: Workspace) -> None:
            self._may(actor, "workspace.extend", workspace)
            workspace.extend(ttl_seconds, self.longest, self.clock())

        return await self.platform.change(actor.cause, Workspace, id, extend)

    async def delete(self, actor: Actor, id: UUID) -> None:
        """Take it back, in whatever state it is. Its machine is destroyed in the background."""

        def delete(workspace: Workspace) -> None:
            self._may(actor, "workspace.delete", workspace)
            workspace.delete(self.clock())

        await self.tenancy.end(actor.cause, id, delete)

    # -- asked by the processes, when something has happened or is due ----------

    async def provision(self, id: UUID, cause: Cause) -> None:
        workspace = await self.platform.load(Workspace, id)
        if workspace.status != Status.CREATING:
            return
        try:
            machine = facts(await (await self._engine(workspace)).ensure_running(id, await self._made_of(workspace)))
        except Unavailable as wait:
            reason = error_line(wait)
            await self._change(cause, id, lambda it: it.delayed(reason, self.clock()))
            raise
        except (EngineRefused, Invalid) as no:
            reason = error_line(no)
            await self._change(cause, id, lambda it: it.give_up(reason, self.clock()))
            return
        workspace = await self._change(cause, id, lambda it: it.provisioned(machine, self.clock()))
        if workspace.status in (Status.FAILED, Status.ENDED):
            # It was given up or deleted meanwhile, perhaps also destroyed already: what came too late goes again.
            await (await self._engine(workspace)).ensure_gone(id)

    async def give_up(self, id: UUID, cause: Cause) -> None:
        def give_up(workspace: Workspace) -> None:
            reason = workspace.waiting or "its machine was not ready in time"
            workspace.give_up(f"given up: {reason}", self.clock())

        await self._change(cause, id, give_up)

    async def clear(self, id: UUID, cause: Cause) -> None:
        await (await self._engine(await self.platform.load(Workspace, id))).ensure_gone(id)
        await self._change(cause, id, lambda it: it.cleared(self.clock()))

    async def operate_now(self, id: UUID, cause: Cause) -> None:
        """Carry out what is under way on it, and report."""
        workspace = await self.platform.load(Workspace, id)
        engine, doing = await self._engine(workspace), workspace.operation_id
        if doing is None:
            return
        try:
            report = await self._carry_out(engine, workspace, doing)
        except (EngineRefused, Invalid) as no:
            reason = error_line(no)
            await self._change(cause, id, lambda it: it.operation_failed(doing, reason, self.clock()))
        else:
            await self._change(cause, id, report)

    async def _carry_out(self, engine: Machines, workspace: Workspace, doing: UUID) -> Any:
        """Do it, and return what then to tell the workspace."""
        id = workspace.id
        match workspace.operation, workspace.snapshot_id:
            case Operation.STOP, _:
                await engine.ensure_stopped(id)
                return lambda it: it.stopped(doing, self.clock())
            case Operation.SNAPSHOT, UUID() as snapshot_id:
                size = await engine.snapshot(id, snapshot_id)
                return lambda it: it.snapshot_taken(doing, size, self.clock())
            case Operation.RESTART, _:
                machine = await engine.restart(id)
            case Operation.RESTORE, UUID() as snapshot_id:
                machine = await engine.restore(id, await self._made_of(workspace), snapshot_id, doing)
            case _:
                machine = await engine.ensure_running(id, await self._made_of(workspace))
        return lambda it: it.started(doing, facts(machine), self.clock())

    async def warn(self, id: UUID, cause: Cause) -> None:
        await self._change(cause, id, lambda it: it.warn(self.clock()))

    async def expire(self, id: UUID, cause: Cause) -> None:
        await self.tenancy.end(cause, id, lambda it: it.expire(self.clock()))

    async def destroy(self, id: UUID, cause: Cause) -> None:
        await (await self._engine(await self.platform.load(Workspace, id))).ensure_gone(id)
        await self._change(cause, id, lambda it: it.destroyed(self.clock()))

    # -- asked by the sweep, which compares the engine with the log --------------

    async def reconcile(self, id: UUID, cause: Cause, region: str = LOCAL) -> None:
        """Look at one machine of a region and at what the log says of it, and record where they differ.

        If the log changes meanwhile, nothing is said: what was seen may be from before that, and there is a next sweep.
        """
        before = await self._version(id)
        engine = await self.engines.at(region)
        machine = await engine.find(id)
        if await self._version(id) != before:
            return
        workspace = await self.platform.load(Workspace, id, before) if before else None
        elsewhere = workspace is None or workspace.region != region
        if workspace is None or elsewhere or workspace.destroyed_at or (workspace.error and not workspace.machine):
            held = workspace is not None and workspace.uncleared and not elsewhere
            if machine and not held:
                await self._found_orphan(machine, engine.provider, region, cause)
            return

        def compare(it: Workspace) -> None:
            now = self.clock()
            if it.version != before:
                return
            if machine is None:
                it.vanished(f"its machine has vanished from {it.provider}", now)
            elif machine.running:
                it.adopted(facts(machine), now)
            elif it.status == Status.RUNNING:
                it.stopped(None, now)

        if not workspace.operation:  # what is under way will report for itself
            await self._change(cause, id, compare)

    async def _found_orphan(self, machine: Machine, provider: str, region: str, cause: Cause) -> None:
        orphan = Orphan(
            id=Orphan.id_of(machine.workspace_id, machine.engine_id),
            at=self.clock(),
            workspace_id=machine.workspace_id,
            provider=provider,
            region=region,
            provider_id=machine.provider_id,
            engine_id=machine.engine_id,
        )
        try:
            await self.platform.commit(cause, orphan)
        except ConcurrentUpdate:
            return  # found before; its removal is under way

    # -- helpers -------------------------------------------------------------------

    async def _version(self, id: UUID) -> int:
        """How far its stream has come; 0 if there is none."""
        try:
            return (await self.platform.load(Workspace, id)).version
        except NotFound:
            return 0

    def _may(self, actor: Actor, action: str, workspace: Workspace) -> None:
        require(actor, action, workspace.owner_id)
        if workspace.status == Status.ENDED:
            raise NotFound("no such workspace")

    async def _change(self, cause: Cause, id: UUID, decide: Any) -> Workspace:
        async def change(workspace: Workspace) -> list[Aggregate]:
            decide(workspace)
            return await self.seats.workshop_changes(workspace)

        return await self.platform.change_with(cause, Workspace, id, change, TRIES)

    def _template(self, name: str) -> Template:
        if name not in self.templates:
            raise Invalid(f'there is no template "{name[:50]}"; there are {", ".join(sorted(self.templates))}')
        return self.templates[name]

    async def _made_of(self, workspace: Workspace) -> Template:
        if workspace.made_from:
            return template_of(workspace.made_from)
        return await self.seats.complete_template(
            workspace, self._template(workspace.template or self.default_template)
        )

    async def _engine(self, workspace: Workspace) -> Machines:
        """The one that it was made on; its machine is on no other."""
        engine = await self.engines.at(workspace.region)
        if workspace.provider != engine.provider:
            raise Unavailable(workspace.provider, f"made on {workspace.provider}, which is not in use now", 60)
        return engine
