"""Invites expire.

when        then
Created     expire, when it is due
Revoked     nothing
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from application.processes.work import Do, Done, Step
from domain.invite import Invite


def react(event: Any) -> Iterator[Step]:
    """The work that follows from an event of an invite."""
    match event:
        case Invite.Created(originator_id=id, expires_at=ends):
            yield Do("invite.expire", id, ends)
        case Invite.Revoked(originator_id=id) | Invite.Expired(originator_id=id):
            yield Done("invite.expire", id)
