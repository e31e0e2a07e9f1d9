"""What a machine's making and its end mean to the session that it was made for, if it was made for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from application.access import Cause
from application.platform import TRIES, ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.ports.hosted_sessions import HolderKeys, JoinRequests
from application.ports.machines import Machine, Machines, Template
from application.ports.regions import Engines
from application.ports.ssh_access import Admission, SshAccess
from domain.aggregate import Aggregate
from domain.errors import NotFound
from domain.guest import IN, Guest, Standing
from domain.hosted_session import HostedSession
from domain.machine import Status
from domain.unique_name import Alias
from domain.workspace import Workspace


@dataclass(frozen=True)
class Tenancy:
    platform: Platform
    clock: Clock
    keys: HolderKeys
    requests: JoinRequests

    async def fit(self, workspace_id: UUID, ssh_access: SshAccess, user: str) -> None:
        """Whoever may log in to this machine can, and nobody else: also where it was made anew, or from a snapshot."""
        key = await self.keys.find(workspace_id)
        if key is None:
            return
        await ssh_access.give_key(workspace_id, user, key)
        for guest_id in await self.requests.guests(HostedSession.id_of(workspace_id)):
            try:
                guest = await self.platform.load(Guest, guest_id)
            except NotFound:
                continue  # they are only about to ask
            admission = await self.admission(guest)
            if guest.standing == Standing.INSTALLED and admission:
                await ssh_access.admit(workspace_id, admission)
            elif guest.standing not in IN:
                await ssh_access.revoke(workspace_id, guest_id, guest.version)

    async def admission(self, guest: Guest) -> Admission | None:
        """How a guest who was approved is let in; None: what that takes has been forgotten."""
        request = (await self.requests.find([guest.joiner_id])).get(guest.joiner_id)
        user = await self.requests.admitted_as(guest.admission_id) if guest.admission_id else None
        return Admission(guest.id, guest.version, user, request.pub_key) if request and user else None

    async def end(
        self, cause: Cause, workspace_id: UUID, decide: Callable[[Workspace], None], because: str | None = None
    ) -> None:
        """Change a workspace; if it has ended by that, its session ends in the same commit, and the alias is free.

        `because`: why the session ends, where the workspace does not say it all.
        """
        for attempt in range(TRIES):
            workspace = await self.platform.load(Workspace, workspace_id)
            decide(workspace)
            with_it = await self._with(workspace, because) if workspace.status == Status.ENDED else []
            try:
                await self.platform.commit(cause, workspace, *with_it)
                return
            except ConcurrentUpdate:
                if attempt == TRIES - 1:
                    raise

    async def _with(self, workspace: Workspace, because: str | None) -> list[Aggregate]:
        id, now = HostedSession.id_of(workspace.id), self.clock()
        if await self.platform.last_event(id) is None:
            return []
        session = await self.platform.load(HostedSession, id)
        alias = await self.platform.load(Alias, Alias.id_of(session.alias))
        session.end(because or workspace.ended_because or "", now)
        alias.free(id, now)
        return [session, alias]


@dataclass(frozen=True)
class FittedEngines:
    """`Engines` whose machines are open to whom they should be, as soon as they are there."""

    engines: Engines
    tenancy: Tenancy

    async def at(self, region: str) -> Machines:
        return cast(Machines, Fitted(await self.engines.at(region), self.tenancy))


class Fitted:
    """The machines of one engine."""

    def __init__(self, machines: Machines, tenancy: Tenancy) -> None:
        self._machines, self._tenancy = machines, tenancy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machines, name)

    async def ensure_running(self, workspace_id: UUID, template: Template) -> Machine:
        machine = await self._machines.ensure_running(workspace_id, template)
        await self._tenancy.fit(workspace_id, self._machines, template.user)
        return machine

    async def restore(self, workspace_id: UUID, template: Template, snapshot_id: UUID, operation_id: UUID) -> Machine:
        machine = await self._machines.restore(workspace_id, template, snapshot_id, operation_id)
        await self._tenancy.fit(workspace_id, self._machines, template.user)
        return machine
