"""Typing into shared terminals: who may send keys to a session, and what a claim of it means for others."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.access import Actor
from application.claims import Claims
from application.ports.errors import Unavailable
from application.ports.terminals import Address, Terminals
from application.sessions import may_claim
from domain.errors import Conflict, NotAllowed


class MayNotType(NotAllowed):
    """The actor may not type into this session, whoever holds its claim."""


class NotClaimed(Conflict):
    """The actor does not hold the claim that typing needs."""


class ClaimedByOther(NotClaimed):
    """Another user holds the claim."""


class TerminalUnavailable(Unavailable):
    """The terminal did not take the keys."""


@dataclass(frozen=True)
class TerminalInput:
    """Commands on what sessions are typed."""

    claims: Claims
    terminals: Terminals

    async def type_keys(
        self,
        actor: Actor,
        session_id: UUID,
        address: Address,
        owner_id: UUID | None,
        pane: str | None,
        keys: bytes,
        *,
        claim_needed: bool,
    ) -> None:
        """Type keys into a pane. While the actor holds the claim of the session, this prolongs the claim.

        `session_id` is the session whose claim counts: for all sessions of a tmux group, the group's lead. `owner_id`
        is the holder of the workspace that the session is in; None for a session of the host.
        `claim_needed`: nobody but the claim's holder may type. Otherwise everybody may while nobody holds it.

        Raises `MayNotType`, `NotClaimed`, `ClaimedByOther`; `NotFound` if the session has gone (`PaneNotFound` for the
        pane), `TerminalUnavailable` if tmux does not take the keys, and `Unavailable` without the database.
        """
        if not may_claim(actor, owner_id):
            raise MayNotType("only those who may claim a session can type into it")
        holder = await self.claims.holder(session_id)
        if holder and holder[0] != actor.user_id:
            raise ClaimedByOther("the session is claimed by another user")
        if claim_needed and holder is None:
            raise NotClaimed("claim the session before you type into it")
        try:
            await self.terminals.type(address, pane, keys)
        except Unavailable as error:
            raise TerminalUnavailable(error.part, str(error), error.retry_after) from error
        if holder:
            await self.claims.used(actor, session_id, holder[1])
