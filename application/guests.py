"""Guests: people who ask to join somebody else's hosted session, and are let in once its owner approves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.access import Actor, Cause, require
from application.hosted_sessions import HostedSessions
from application.machine_facts import error_line
from application.platform import Platform
from application.ports.clock import Clock, Ids
from application.ports.errors import EngineRefused, Unavailable
from application.ports.hosted_sessions import JoinRequest, JoinRequests, PublicKeys
from application.ports.limits import AttemptLimiter, Budget
from application.ports.regions import Engines
from application.ports.ssh_access import SshAccess
from application.ssh_grants import SshGrants
from application.waiting_room import WaitingRoom
from domain import vm_user
from domain.errors import Conflict, Invalid, NotFound, Refused
from domain.guest import AlreadyIn, Guest, GuestStatus, NotWaiting
from domain.hosted_session import HostedSession
from domain.machine import Status
from domain.workspace import Workspace

MACHINE_RETRY_S = 1  # while the machine is still being created


class NotAsRequested(Conflict):
    """An approval names another key or address than the request did."""

    code = "not_as_requested"


@dataclass(frozen=True)
class Guests:
    """Commands on guests and their requests to join."""

    platform: Platform
    clock: Clock
    ids: Ids
    sessions: HostedSessions
    requests: JoinRequests
    grants: SshGrants
    engines: Engines
    public_key: PublicKeys
    join_limiter: AttemptLimiter  # requests of one person to join one session
    request_lasts: timedelta  # how long a request waits for an answer
    room: WaitingRoom

    # -- commands of people who want to join -----------------------------------------------

    async def ask(
        self, actor: Actor, alias: str, *, pub_key: str, user: str, client_ip: str, region: str
    ) -> JoinRequest:
        """Ask to join the session with this alias. Raises `AlreadyIn`, `TooMany`; `NotFound` for an unknown alias."""
        require(actor, "guest.ask")
        key, user = self.public_key(pub_key), vm_user.validate_vm_user(user)
        session = await self.sessions.by_alias(actor, alias)
        session.require_joinable()
        if session.owner_id == actor.user_id:
            raise AlreadyIn("this session is your own")
        id, now = Guest.id_of(session.id, actor.user_id), self.clock()
        with suppress(NotFound):
            guest = await self.platform.load(Guest, id)
            approved = await self.requests.find([guest.joiner_id]) if guest.status == GuestStatus.APPROVED else {}
            if guest.joiner_id in approved:
                return approved[guest.joiner_id]  # the same request again while access is being granted
            guest.require_may_ask()
        await self._limit_requests(id)
        until = now + self.request_lasts
        request = JoinRequest(self.ids(), id, session.id, actor.user_id, key, user, client_ip, region, until)
        await self.requests.add(request, now, self.room.max_waiting)
        first = Guest(
            id=id,
            at=now,
            session_id=session.id,
            owner_id=session.owner_id,
            user_id=actor.user_id,
            hosted_in=session.region,
            joiner_id=request.joiner_id,
            until=until,
        )
        try:
            if (await self.platform.load(HostedSession, session.id)).ended:
                raise NotFound("no such session")  # the clean-up of the ended session may already be over
            await self._store(actor.cause, first, request)
        except Refused:
            await self.requests.forget(request.joiner_id)
            raise
        return request

    async def _store(self, cause: Cause, first: Guest, request: JoinRequest) -> None:
        def ask_again(guest: Guest) -> None:
            if guest.joiner_id != request.joiner_id:
                guest.ask_again(request.joiner_id, request.until, self.clock())

        await self.platform.ensure(cause, Guest, first.id, lambda id: first, ask_again)

    async def _limit_requests(self, id: UUID) -> None:
        """Raises `TooMany` for somebody who asks again and again, which would bury the other requests."""
        await self.join_limiter.take(Budget(f"ask {id}"))

    async def withdraw(self, joiner_id: UUID, id: UUID, cause: Cause) -> None:
        """Withdraw a request whose connection was closed. A decision that was made stays."""
        await self._change(cause, id, joiner_id, lambda guest: guest.withdraw(joiner_id, self.clock()))

    # -- commands of the owner ------------------------------------------

    async def approve(
        self, actor: Actor, session_id: UUID, joiner_id: UUID, *, pub_key: str, user: str, client_ip: str
    ) -> Guest:
        """Approve a request; access is granted in the background.

        Key and address must be those of the request. Raises `NotAsRequested`, `NotWaiting`, `NotFound`.
        """
        request = await self._request(actor, session_id, joiner_id)
        if self.public_key(pub_key) != request.pub_key:
            raise NotAsRequested("pub_key is not the key that this guest asked with")
        if client_ip != request.client_ip:
            raise NotAsRequested("client_ip is not the address that this guest asked from")
        user = vm_user.validate_vm_user(user)
        (await self.platform.load(Guest, request.guest_id)).require_undecided(joiner_id, self.clock())
        admission_id = self.ids()
        await self.requests.admit(joiner_id, admission_id, user)

        def approve(guest: Guest) -> None:
            guest.approve(joiner_id, admission_id, self.clock())

        return await self.platform.change(actor.cause, Guest, request.guest_id, approve)

    async def reject(self, actor: Actor, session_id: UUID, joiner_id: UUID) -> None:
        """Turn a request down. Raises `NotWaiting`, `NotFound`."""
        request = await self._request(actor, session_id, joiner_id)
        await self._change(
            actor.cause, request.guest_id, joiner_id, lambda guest: guest.reject(joiner_id, self.clock())
        )

    async def revoke(self, actor: Actor, session_id: UUID, joiner_id: UUID) -> None:
        """Take a guest's access away; the machine is changed in the background. Raises `NotFound`."""
        try:
            request = await self._request(actor, session_id, joiner_id)
        except NotWaiting:
            raise NotFound("no such guest") from None
        await self.platform.change(
            actor.cause, Guest, request.guest_id, lambda guest: guest.revoke(joiner_id, self.clock())
        )

    async def _request(self, actor: Actor, session_id: UUID, joiner_id: UUID) -> JoinRequest:
        """A request to join the actor's session. Raises `NotFound`, `NotWaiting`."""
        await self.sessions.own(actor, session_id)
        request = (await self.requests.find([joiner_id])).get(joiner_id)
        if request is None or request.session_id != session_id:
            raise NotWaiting
        return request

    # -- commands of processes ------------------------------------------------

    async def time_out(self, id: UUID, cause: Cause) -> None:
        """End a request that nobody has answered in time."""
        joiner_id = (await self.platform.load(Guest, id)).joiner_id
        await self._change(cause, id, joiner_id, lambda guest: guest.time_out(self.clock()))

    async def install(self, id: UUID, cause: Cause) -> None:
        """Give an approved guest access to the machine.

        The machine compares versions, so a grant that arrives after its revocation has no effect there.
        """
        guest = await self.platform.load(Guest, id)
        joiner_id = guest.joiner_id
        if guest.status != GuestStatus.APPROVED:
            return
        try:
            admission = await self.grants.admission(guest)
            if admission is None:
                raise EngineRefused("the request to join has been deleted")
            workspace, ssh_access = await self._ssh_access(guest)
            if workspace.status == Status.CREATING:
                raise Unavailable("machine", "the machine is being created", retry_after=MACHINE_RETRY_S)
            if workspace.status != Status.RUNNING:
                raise EngineRefused(f"the machine is {workspace.status}")
            await ssh_access.admit(workspace.id, admission)
        except (EngineRefused, Invalid) as error:
            reason = error_line(error)
            await self._change(cause, id, None, lambda guest: guest.not_installed(joiner_id, reason, self.clock()))
            return
        await self._change(cause, id, None, lambda guest: guest.installed(joiner_id, self.clock()))

    async def remove(self, id: UUID, cause: Cause) -> None:
        """Take the access of a revoked guest away on the machine."""
        guest = await self.platform.load(Guest, id)
        joiner_id = guest.joiner_id
        if guest.status != GuestStatus.REVOKED:
            return
        workspace, ssh_access = await self._ssh_access(guest)
        await ssh_access.revoke(workspace.id, id, guest.version)
        await self._change(cause, id, joiner_id, lambda guest: guest.removed(joiner_id, self.clock()))

    async def _ssh_access(self, guest: Guest) -> tuple[Workspace, SshAccess]:
        session = await self.platform.load(HostedSession, guest.session_id)
        workspace = await self.platform.load(Workspace, session.workspace_id)
        return workspace, await self.engines.at(workspace.region)

    async def _change(self, cause: Cause, id: UUID, joiner_id: UUID | None, decide: Callable[[Guest], None]) -> None:
        """Change a guest, and delete the request `joiner_id` if it is over by that."""
        guest = await self.platform.change(cause, Guest, id, decide)
        if joiner_id and (guest.joiner_id != joiner_id or guest.status not in KEPT):
            await self.requests.forget(joiner_id)


KEPT = (GuestStatus.WAITING, GuestStatus.APPROVED, GuestStatus.INSTALLED, GuestStatus.REVOKED)
