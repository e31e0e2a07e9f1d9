"""Shared terminals, as they are found and lost."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.access import Actor, Cause, allowed, require
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.ports.terminals import SeenSession
from domain.session import Session


def may_view(actor: Actor, owner_id: UUID | None) -> bool:
    """Whether somebody may know of a session: `owner_id` is whose workspace it is in, None: it is everybody's."""
    if owner_id is None:
        return allowed(actor, "session.view")
    return allowed(actor, "terminal.use", owner_id)


def may_claim(actor: Actor, owner_id: UUID | None) -> bool:
    """Whether somebody may claim it, and type into it."""
    if owner_id is None:
        return allowed(actor, "session.claim")
    return allowed(actor, "terminal.use", owner_id)


def require_claim(actor: Actor, owner_id: UUID | None) -> None:
    if owner_id is None:
        require(actor, "session.claim")
    else:
        require(actor, "terminal.use", owner_id)


@dataclass(frozen=True)
class Sessions:
    platform: Platform
    clock: Clock

    async def found(self, seen: SeenSession, cause: Cause) -> UUID:
        """It is there, like this: for the first time, or as it was, or changed."""
        id = Session.id_of(seen.host, seen.server, seen.tmux_id, seen.created_at)
        now = self.clock()
        new = Session(
            id=id,
            at=now,
            host=seen.host,
            server=seen.server,
            tmux_id=seen.tmux_id,
            name=seen.name,
            windows=seen.windows,
            created_at=seen.created_at,
            owner_id=seen.owner_id,
        )
        try:
            await self.platform.commit(cause, new)
        except ConcurrentUpdate:  # it is known
            await self.platform.change(cause, Session, id, lambda it: it.seen(seen.name, seen.windows, now))
        return id

    async def closed(self, id: UUID, cause: Cause) -> None:
        """It is not there any more."""
        await self.platform.change(cause, Session, id, lambda it: it.close(self.clock()))
