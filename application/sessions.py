"""Shared terminals: who may view or claim them, and facts about tmux sessions that appear, change and close."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.access import Actor, Cause, allowed, require
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.ports.terminals import TmuxSession
from domain.session import Session


def may_view(actor: Actor, owner_id: UUID | None) -> bool:
    """Whether the actor may know of a session.

    `owner_id` is the holder of the workspace that the session is in; None for a session of the host.
    """
    if owner_id is None:
        return allowed(actor, "session.view")
    return allowed(actor, "terminal.view", owner_id)


def may_claim(actor: Actor, owner_id: UUID | None) -> bool:
    """Whether the actor may claim a session and type into it. `owner_id` as for `may_view`."""
    if owner_id is None:
        return allowed(actor, "session.claim")
    return allowed(actor, "terminal.use", owner_id)


def require_claim(actor: Actor, owner_id: UUID | None) -> None:
    """Return if the actor may claim. Raises `NotAllowed`, or `NotFound` for somebody else's workspace."""
    if owner_id is None:
        require(actor, "session.claim")
    else:
        require(actor, "terminal.use", owner_id)


@dataclass(frozen=True)
class Sessions:
    """Facts that the tmux observer reports."""

    platform: Platform
    clock: Clock

    async def record(self, tmux_session: TmuxSession, cause: Cause) -> UUID:
        """Record a session as tmux shows it: new, unchanged or changed. Returns its id."""
        id = Session.id_of(tmux_session.host, tmux_session.server, tmux_session.tmux_id, tmux_session.created_at)
        now = self.clock()
        new = Session(
            id=id,
            at=now,
            host=tmux_session.host,
            server=tmux_session.server,
            tmux_id=tmux_session.tmux_id,
            name=tmux_session.name,
            windows=tmux_session.windows,
            created_at=tmux_session.created_at,
            owner_id=tmux_session.owner_id,
        )

        def observe(session: Session) -> None:
            session.observe(tmux_session.name, tmux_session.windows, now)
            if tmux_session.lead_id:
                session.group(tmux_session.lead_id, now)

        observe(new)
        try:
            await self.platform.commit(cause, new)
        except ConcurrentUpdate:  # it is in the log already
            await self.platform.change(cause, Session, id, observe)
        return id

    async def close(self, id: UUID, cause: Cause) -> None:
        """Record that a session is gone."""
        await self.platform.change(cause, Session, id, lambda session: session.close(self.clock()))
