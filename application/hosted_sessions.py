"""What can be asked of sessions that people host."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from application.access import Actor, Cause, require
from application.platform import TRIES, ConcurrentUpdate, Platform
from application.ports.clock import Clock, Ids
from application.ports.hosted_sessions import Aliases, HolderKeys, JoinRequests, PublicKeys
from application.ports.limits import AttemptLimiter
from application.workspaces import Workspaces
from domain.errors import NotFound
from domain.guest import Guest
from domain.hosted_session import HostedSession
from domain.unique_name import Alias
from domain.workspace import Workspace

IDLE = "nobody was in it"


@dataclass(frozen=True)
class HostedSessions:
    platform: Platform
    clock: Clock
    ids: Ids
    workspaces: Workspaces
    aliases: Aliases
    public_key: PublicKeys
    keys: HolderKeys
    requests: JoinRequests
    attempt_limiter: AttemptLimiter
    term: int  # seconds that a session lasts, if nobody ends it

    # -- asked by people -------------------------------------------------------

    async def open(self, actor: Actor, *, machine_id: str, region: str, no_join: bool, pub_key: str) -> HostedSession:
        """A new session, its machine on the way. `Invalid` for an unknown machine or region, with those that are."""
        require(actor, "hosted_session.open")
        key = self.public_key(pub_key)
        workspace_id = self.ids()
        id = HostedSession.id_of(workspace_id)
        await self.keys.keep(workspace_id, id, actor.user_id, key)
        for attempt in range(TRIES):
            name, alias = await self._free_alias(id)
            workspace = await self.workspaces.made(
                actor, id=workspace_id, name=name, machine=machine_id, region=region, ttl_seconds=self.term
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
            except ConcurrentUpdate:  # somebody has just taken that alias
                if attempt == TRIES - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _free_alias(self, id: UUID) -> tuple[str, Alias]:
        """One that nobody has just now, taken for this session."""
        while True:
            name, now = self.aliases(), self.clock()
            try:
                alias = await self.platform.load(Alias, Alias.id_of(name))
            except NotFound:
                return name, Alias(id=Alias.id_of(name), at=now, session_id=id)
            if alias.subject_id is None:
                alias.take(id, now)
                return name, alias

    async def by_alias(self, alias: str, guesser: str) -> HostedSession:
        """The session that goes by it. Raises `TooMany` for a guesser who was wrong too often."""
        await self.attempt_limiter.check(guesser)
        with suppress(NotFound):
            taken = await self.platform.load(Alias, Alias.id_of(alias))
            if taken.subject_id:
                return await self.platform.load(HostedSession, taken.subject_id)
        await self.attempt_limiter.record_failure(guesser)
        raise NotFound("no such session")

    async def own(self, actor: Actor, id: UUID, action: str = "hosted_session.manage") -> HostedSession:
        """The actor's session, which has not ended. Raises `NotFound`, also for somebody else's."""
        try:
            session = await self.platform.load(HostedSession, id)
            require(actor, action, session.owner_id)
        except NotFound:
            raise NotFound("no such session") from None
        if session.ended:
            raise NotFound("no such session")
        return session

    async def end(self, actor: Actor, id: UUID) -> None:
        """Its machine goes with it, and everybody who is in."""
        session = await self.own(actor, id)
        await self.workspaces.delete(actor, session.workspace_id)

    # -- asked by the processes ------------------------------------------------

    async def end_idle(self, id: UUID, cause: Cause) -> None:
        """Nobody has been in it for as long as it may stand empty."""
        session = await self.platform.load(HostedSession, id)
        if session.ended:
            return

        def delete(workspace: Workspace) -> None:
            workspace.delete(self.clock())

        await self.workspaces.tenancy.end(cause, session.workspace_id, delete, because=IDLE)

    async def clear(self, id: UUID, cause: Cause) -> None:
        """It has ended: nobody waits for it or is in it any more, and what is known of them is forgotten."""
        for guest_id in await self.requests.guests(id):
            with suppress(NotFound):  # they were only about to ask
                await self.platform.change(cause, Guest, guest_id, lambda it: it.close(self.clock()))
        await self.requests.forget_session(id)
        await self.platform.change(cause, HostedSession, id, lambda it: it.clear(self.clock()))
