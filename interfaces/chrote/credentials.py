"""Who asks, in CHROTE: the cookie of somebody who has signed in (C01).

    who: Annotated[Actor, Depends(member)]     in an HTTP endpoint
    who = await member(socket)                 in a WebSocket; `Unauthenticated` becomes accept, then close 4001
    require_own_origin(socket)                 before that; `NotAllowed` becomes 403 in the handshake

A socket outlives the role that it began with. It follows `deps(socket).hub.follow(who, None, None)`: the hub keeps
the reader's role up to date, delivers `user.role_changed` with the user as its subject (ask `current_role` for the
rest, or take `entry.facts["role"]`), and ends the reader with `Dismissed` when the account is removed (close 4001).
"""

from __future__ import annotations

from uuid import UUID

from starlette.requests import HTTPConnection

from application.access import Actor
from domain.role import Role
from interfaces import cookie
from interfaces.cookie import require_own_origin
from interfaces.serve import Deps, Unauthenticated
from projections import users

__all__ = ["current_role", "member", "require_own_origin"]


async def member(connection: HTTPConnection) -> Actor:
    """Somebody who has signed in, with the role that they have now. Raises `Unauthenticated` (C03)."""
    who = await cookie.member(connection)
    if who is None:
        raise Unauthenticated("Authentication required")
    return who


async def current_role(given: Deps, user_id: UUID) -> Role | None:
    """The role as of this question, on any replica; None: they are not here any more."""
    row = await users.get(given.reads, user_id)
    return Role(row.role) if row else None
