"""Who asks, in CHROTE: the cookie of somebody who has signed in (C01), or the key or the token of a member.

    who: Annotated[Actor, Depends(member)]     in an HTTP endpoint
    who = await member(socket)                 in a WebSocket; `Unauthenticated` becomes accept, then close 4001
    require_own_origin(socket)                 before that; `NotAllowed` becomes 403 in the handshake

A socket outlives the role that it began with. It follows `chrote_deps(socket).hub.follow(who, None, None)`: the hub
keeps the reader's role up to date, delivers `user.role_changed` with the user as its subject (ask `current_role`
for the rest, or take `entry.facts["role"]`), and ends the reader with `Dismissed` when the account is removed (close
4001).
"""

from __future__ import annotations

from uuid import UUID

from starlette.requests import HTTPConnection

from application.access import Actor, require
from domain.role import Role
from interfaces.chrote.deps import ChroteDeps
from interfaces.http import cookies as cookie
from interfaces.http import identity
from interfaces.http.cookies import require_own_origin
from interfaces.http.deps import http_deps
from interfaces.http.errors import Unauthenticated
from projections import users

NOBODY = "Authentication required"
__all__ = ["current_role", "member", "require_own_origin"]


async def member(connection: HTTPConnection) -> Actor:
    """Somebody who belongs to the place, with the role that they have now. Raises `Unauthenticated` (C03).

    `NotAllowed` for a key of somebody who does not, or that is not for looking around here.
    """
    try:
        who = await identity.key_holder(connection)
    except Unauthenticated:
        raise Unauthenticated(NOBODY) from None
    if who is None:
        who = await cookie.signed_in_member(connection)
    elif who.role is None:
        who = await identity.with_role(http_deps(connection), who)
    if who is None:
        raise Unauthenticated(NOBODY)
    require(who, "session.view")
    return who


async def current_role(deps: ChroteDeps, user_id: UUID) -> Role | None:
    """The role as of this question, on any replica; None: they are not here any more."""
    row = await users.get(deps.queries, user_id)
    return Role(row.role) if row else None
