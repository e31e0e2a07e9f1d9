"""SSH grants: who may log in to the machine of a hosted session, applied whenever the machine is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from application.access import Cause
from application.platform import MAX_ATTEMPTS, ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.ports.hosted_sessions import HolderKeys, JoinRequests
from application.ports.ssh_access import Admission, SshAccess
from domain.aggregate import Aggregate
from domain.errors import NotFound
from domain.guest import ADMITTED, Guest, GuestStatus
from domain.hosted_session import HostedSession
from domain.machine import Status
from domain.unique_name import Alias
from domain.workspace import Workspace


@dataclass(frozen=True)
class SshGrants:
    """Who may log in to machines of hosted sessions."""

    platform: Platform
    clock: Clock
    keys: HolderKeys
    requests: JoinRequests

    async def apply(self, workspace_id: UUID, ssh_access: SshAccess, user: str) -> None:
        """Let exactly the holder and the approved guests log in: a machine may be made anew, or from a snapshot."""
        key = await self.keys.find(workspace_id)
        if key is None:
            return
        await ssh_access.give_key(workspace_id, user, key)
        for guest_id in await self.requests.list_guests(HostedSession.id_of(workspace_id)):
            try:
                guest = await self.platform.load(Guest, guest_id)
            except NotFound:
                continue  # a request that was kept, but never reached the log
            admission = await self.admission(guest)
            if guest.status == GuestStatus.INSTALLED and admission:
                await ssh_access.admit(workspace_id, admission)
            elif guest.status not in ADMITTED:
                await ssh_access.revoke(workspace_id, guest_id, guest.version)

    async def admission(self, guest: Guest) -> Admission | None:
        """What lets an approved guest log in; None if their request has been deleted."""
        request = (await self.requests.find([guest.joiner_id])).get(guest.joiner_id)
        user = await self.requests.admitted_user(guest.admission_id) if guest.admission_id else None
        return Admission(guest.id, guest.version, user, request.pub_key) if request and user else None

    async def end(
        self, cause: Cause, workspace_id: UUID, decide: Callable[[Workspace], None], because: str | None = None
    ) -> None:
        """Change a workspace. If that ends it, its hosted session ends in the same commit, and the alias is free.

        `because` is the reason for the session, if it is not that of the workspace.
        """
        for attempt in range(MAX_ATTEMPTS):
            workspace = await self.platform.load(Workspace, workspace_id)
            decide(workspace)
            others = await self._end_session(workspace, because) if workspace.status == Status.ENDED else []
            try:
                await self.platform.commit(cause, workspace, *others)
                return
            except ConcurrentUpdate:
                if attempt == MAX_ATTEMPTS - 1:
                    raise

    async def _end_session(self, workspace: Workspace, because: str | None) -> list[Aggregate]:
        id, now = HostedSession.id_of(workspace.id), self.clock()
        if await self.platform.last_event(id) is None:
            return []
        session = await self.platform.load(HostedSession, id)
        alias = await self.platform.load(Alias, Alias.id_of(session.alias))
        session.end(because or workspace.ended_because or "", now)
        alias.free(id, now)
        return [session, alias]
