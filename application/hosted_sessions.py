"""Hosted sessions: a machine with its owner's SSH key on it, which others may join once the owner approves."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from application.access import Actor, Cause, require
from application.guesses import guess_at
from application.platform import MAX_ATTEMPTS, ConcurrentUpdate, Platform
from application.ports.clock import Clock, Ids
from application.ports.hosted_sessions import Aliases, HolderKeys, JoinRequests, PublicKeys
from application.ports.limits import AttemptLimiter
from application.quotas import QuotaLimits
from application.workspaces import Workspaces
from domain.errors import Invalid, NotFound
from domain.guest import Guest
from domain.hosted_session import HostedSession
from domain.quota_defaults import Kind
from domain.unique_name import Alias
from domain.workspace import Workspace

IDLE = "nobody was in it"


@dataclass(frozen=True)
class HostedSessions:
    """Commands on hosted sessions."""

    platform: Platform
    clock: Clock
    ids: Ids
    workspaces: Workspaces
    aliases: Aliases
    public_key: PublicKeys
    keys: HolderKeys
    requests: JoinRequests
    attempt_limiter: AttemptLimiter
    quotas: QuotaLimits
    term_s: int  # seconds that a session lasts unless it is ended before

    # -- commands of people -------------------------------------------------------

    async def open(self, actor: Actor, *, machine_id: str, region: str, no_join: bool, pub_key: str) -> HostedSession:
        """A new session; its machine is being created.

        Raises `Invalid` for an unknown machine or region, and for a region whose machines have no SSH.
        """
        require(actor, "hosted_session.open")
        await self._require_ssh(region)
        key = self.public_key(pub_key)
        workspace_id = self.ids()
        id = HostedSession.id_of(workspace_id)
        async with self.quotas.reserve(actor, Kind.SESSIONS, id):
            return await self._open(actor, id, workspace_id, machine_id, region, no_join, key)

    async def _open(
        self, actor: Actor, id: UUID, workspace_id: UUID, machine_id: str, region: str, no_join: bool, key: str
    ) -> HostedSession:
        await self.keys.store(workspace_id, id, actor.user_id, key)
        for attempt in range(MAX_ATTEMPTS):
            name, alias = await self._free_alias(id)
            workspace = await self.workspaces.build(
                actor, id=workspace_id, name=name, machine=machine_id, region=region, ttl_seconds=self.term_s
            )
            session = HostedSession(
                id=id,
                at=self.clock(),
                owner_id=actor.user_id,
                workspace_id=workspace_id,
                alias=name,
                no_join=no_join,
                machine_id=machine_id,
                region=region,
            )
            try:
                await self.platform.commit(actor.cause, session, alias, workspace)
                return session
            except ConcurrentUpdate:  # the alias has just been taken by another session
                if attempt == MAX_ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _require_ssh(self, region: str) -> None:
        """Raises `Invalid` where machines cannot be logged in to: a session is of no use there."""
        await self.workspaces.regions.require(region)
        if not (await self.workspaces.engines.at(region)).has_ssh:
            raise Invalid(
                "sessions need machines with SSH, and machines here are processes of the host: "
                "set TENURE_MACHINES=docker, or ask for another region"
            )

    async def _free_alias(self, id: UUID) -> tuple[str, Alias]:
        """A free alias, taken for this session."""
        while True:
            name, now = self.aliases(), self.clock()
            try:
                alias = await self.platform.load(Alias, Alias.id_of(name))
            except NotFound:
                return name, Alias(id=Alias.id_of(name), at=now, session_id=id)
            if alias.subject_id is None:
                alias.take(id, now)
                return name, alias

    async def by_alias(self, actor: Actor, alias: str) -> HostedSession:
        """The session with this alias. Raises `NotFound`; `TooMany` after too many wrong guesses by the actor."""
        async with guess_at(self.attempt_limiter, f"alias {actor.user_id}") as guess:
            with suppress(NotFound):
                entry = await self.platform.load(Alias, Alias.id_of(alias))
                if entry.subject_id:
                    return await self.platform.load(HostedSession, entry.subject_id)
            guess.wrong()
            raise NotFound("no such session")

    async def own(self, actor: Actor, id: UUID, action: str = "hosted_session.manage") -> HostedSession:
        """The actor's own session. Raises `NotFound` for an unknown or ended one, and for somebody else's."""
        try:
            session = await self.platform.load(HostedSession, id)
            require(actor, action, session.owner_id)
        except NotFound:
            raise NotFound("no such session") from None
        if session.ended:
            raise NotFound("no such session")
        return session

    async def end(self, actor: Actor, id: UUID) -> None:
        """End a session with its machine; its guests lose access."""
        session = await self.own(actor, id)
        await self.workspaces.delete(actor, session.workspace_id)

    # -- commands of processes ------------------------------------------------

    async def end_idle(self, id: UUID, cause: Cause) -> None:
        """End a session that nobody has used for the idle time."""
        session = await self.platform.load(HostedSession, id)
        if session.ended:
            return

        def delete(workspace: Workspace) -> None:
            workspace.delete(self.clock())

        await self.workspaces.grants.end(cause, session.workspace_id, delete, because=IDLE)

    async def clear(self, id: UUID, cause: Cause) -> None:
        """Close the guests of an ended session, and delete what is kept of them."""
        for guest_id in await self.requests.list_guests(id):
            with suppress(NotFound):  # a request that was kept, but never reached the log
                await self.platform.change(cause, Guest, guest_id, lambda guest: guest.close(self.clock()))
        await self.requests.forget_session(id)
        await self.platform.change(cause, HostedSession, id, lambda session: session.clear(self.clock()))
