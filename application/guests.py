"""What can be asked of guests: people who join a session of somebody else's, once its owner has approved."""

from __future__ import annotations

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
from application.ports.limits import AttemptLimiter
from application.ports.regions import Engines
from application.ports.ssh_access import SshAccess
from application.ssh_grants import Tenancy
from application.waiting_room import WaitingRoom
from domain import vm_user
from domain.errors import Conflict, Invalid, NotFound, Refused
from domain.guest import AlreadyIn, Guest, NotWaiting, Standing
from domain.hosted_session import HostedSession
from domain.machine import Status
from domain.workspace import Workspace

SOON = 1  # seconds after which to look again for a machine that is on its way


class NotTheirs(Conflict):
    """An approval must be of what was asked: the same key, from the same address."""

    code = "not_as_requested"


@dataclass(frozen=True)
class Guests:
    platform: Platform
    clock: Clock
    ids: Ids
    sessions: HostedSessions
    requests: JoinRequests
    tenancy: Tenancy
    engines: Engines
    public_key: PublicKeys
    join_limiter: AttemptLimiter  # how often somebody asks to join one session
    patience: timedelta  # how long somebody waits for an answer
    room: WaitingRoom

    # -- asked by who would join -----------------------------------------------

    async def ask(
        self, actor: Actor, alias: str, *, pub_key: str, user: str, client_ip: str, region: str
    ) -> JoinRequest:
        """Ask to join. Raises `AlreadyIn`, `TooMany`, `NotFound` for an alias that nobody goes by."""
        require(actor, "guest.ask")
        key, user = self.public_key(pub_key), vm_user.checked(user)
        session = await self.sessions.by_alias(alias, f"alias {client_ip}")
        session.joinable()
        if session.owner_id == actor.user_id:
            raise AlreadyIn("this session is your own")
        id, now = Guest.id_of(session.id, actor.user_id), self.clock()
        with suppress(NotFound):
            guest = await self.platform.load(Guest, id)
            approved = await self.requests.find([guest.joiner_id]) if guest.standing == Standing.APPROVED else {}
            if guest.joiner_id in approved:
                return approved[guest.joiner_id]  # they come back while they are let in
            guest.may_ask()
        await self._not_again_and_again(id)
        until = now + self.patience
        request = JoinRequest(self.ids(), id, session.id, actor.user_id, key, user, client_ip, region, until)
        await self.requests.keep(request, now, self.room.max_waiting)
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
                raise NotFound("no such session")  # and whoever clears up may have passed already
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

    async def _not_again_and_again(self, id: UUID) -> None:
        """Whoever asks and hangs up, over and over, would have the owner look at nothing else."""
        await self.join_limiter.check(f"join {id}")
        await self.join_limiter.record_failure(f"join {id}")

    async def withdraw(self, joiner_id: UUID, id: UUID, cause: Cause) -> None:
        """They have hung up. What is decided stays."""
        await self._change(cause, id, joiner_id, lambda it: it.withdraw(joiner_id, self.clock()))

    # -- asked by the session's owner ------------------------------------------

    async def approve(
        self, actor: Actor, session_id: UUID, joiner_id: UUID, *, pub_key: str, user: str, client_ip: str
    ) -> Guest:
        """Let them in, under this name: what was asked, and nothing put in its place. They are then on their way."""
        request = await self._request(actor, session_id, joiner_id)
        if self.public_key(pub_key) != request.pub_key:
            raise NotTheirs("pub_key is not the key that this guest asked with")
        if client_ip != request.client_ip:
            raise NotTheirs("client_ip is not the address that this guest asked from")
        user = vm_user.checked(user)
        (await self.platform.load(Guest, request.guest_id)).undecided(joiner_id, self.clock())
        admission_id = self.ids()
        await self.requests.admit(joiner_id, admission_id, user)

        def approve(guest: Guest) -> None:
            guest.approve(joiner_id, admission_id, self.clock())

        return await self.platform.change(actor.cause, Guest, request.guest_id, approve)

    async def reject(self, actor: Actor, session_id: UUID, joiner_id: UUID) -> None:
        request = await self._request(actor, session_id, joiner_id)
        await self._change(actor.cause, request.guest_id, joiner_id, lambda it: it.reject(joiner_id, self.clock()))

    async def revoke(self, actor: Actor, session_id: UUID, joiner_id: UUID) -> None:
        """Put them out again. They are on their way when this returns."""
        try:
            request = await self._request(actor, session_id, joiner_id)
        except NotWaiting:
            raise NotFound("no such guest") from None
        await self.platform.change(actor.cause, Guest, request.guest_id, lambda it: it.revoke(joiner_id, self.clock()))

    async def _request(self, actor: Actor, session_id: UUID, joiner_id: UUID) -> JoinRequest:
        """What somebody asked of the actor's session. Raises `NotFound`, `NotWaiting`."""
        await self.sessions.own(actor, session_id)
        request = (await self.requests.find([joiner_id])).get(joiner_id)
        if request is None or request.session_id != session_id:
            raise NotWaiting
        return request

    # -- asked by the processes ------------------------------------------------

    async def time_out(self, id: UUID, cause: Cause) -> None:
        joiner_id = (await self.platform.load(Guest, id)).joiner_id
        await self._change(cause, id, joiner_id, lambda it: it.time_out(self.clock()))

    async def install(self, id: UUID, cause: Cause) -> None:
        """Let somebody in who was approved. What comes too late on the machine is known there by its version."""
        guest = await self.platform.load(Guest, id)
        joiner_id = guest.joiner_id
        if guest.standing != Standing.APPROVED:
            return
        try:
            admission = await self.tenancy.admission(guest)
            if admission is None:
                raise EngineRefused("what they asked with has been forgotten")
            workspace, ssh_access = await self._ssh_access(guest)
            if workspace.status == Status.CREATING:
                raise Unavailable("machine", "the machine is on its way", retry_after=SOON)
            if workspace.status != Status.RUNNING:
                raise EngineRefused(f"the machine is {workspace.status}")
            await ssh_access.admit(workspace.id, admission)
        except (EngineRefused, Invalid) as no:
            reason = error_line(no)
            await self._change(cause, id, None, lambda it: it.not_installed(joiner_id, reason, self.clock()))
            return
        await self._change(cause, id, None, lambda it: it.installed(joiner_id, self.clock()))

    async def remove(self, id: UUID, cause: Cause) -> None:
        """Put somebody out whose approval was taken back."""
        guest = await self.platform.load(Guest, id)
        joiner_id = guest.joiner_id
        if guest.standing != Standing.REVOKED:
            return
        workspace, ssh_access = await self._ssh_access(guest)
        await ssh_access.revoke(workspace.id, id, guest.version)
        await self._change(cause, id, joiner_id, lambda it: it.removed(joiner_id, self.clock()))

    async def _ssh_access(self, guest: Guest) -> tuple[Workspace, SshAccess]:
        session = await self.platform.load(HostedSession, guest.session_id)
        workspace = await self.platform.load(Workspace, session.workspace_id)
        return workspace, await self.engines.at(workspace.region)

    async def _change(self, cause: Cause, id: UUID, joiner_id: UUID | None, decide: object) -> None:
        """And forget what they asked with, where a `joiner_id` is over by it."""
        guest = await self.platform.change(cause, Guest, id, decide)  # type: ignore[arg-type]
        if joiner_id and (guest.joiner_id != joiner_id or guest.standing not in KEPT):
            await self.requests.forget(joiner_id)


KEPT = (Standing.WAITING, Standing.APPROVED, Standing.INSTALLED, Standing.REVOKED)
