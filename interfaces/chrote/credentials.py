"""Authentication in CHROTE: the cookie of a signed-in member (C01), or a member's API key or access token.

    actor: Annotated[Actor, Depends(member)]     in an HTTP endpoint
    await open_connection(socket)                in a WebSocket endpoint, from connection.py

A socket outlives the role that it began with, so it follows the events of its user: see `Connection.follow`.
"""

from __future__ import annotations

from uuid import UUID

from starlette.requests import HTTPConnection

from application.access import Actor, require
from domain.role import Role
from interfaces.chrote.deps import ChroteDeps
from interfaces.http import cookies as cookie
from interfaces.http import identity
from interfaces.http.deps import http_deps
from interfaces.http.errors import Unauthenticated
from interfaces.http.local_and_private import is_local_and_private
from interfaces.http.origins import require_own_origin
from projections import users

UNAUTHENTICATED = "Authentication required"
__all__ = ["current_role", "member", "require_own_origin"]


async def member(connection: HTTPConnection) -> Actor:
    """The member who asks, with their present role. Raises `Unauthenticated` (C03).

    Raises `NotAllowed` for an API key of a user who is no member, or whose scopes do not allow to view sessions.
    """
    try:
        actor = await identity.key_holder(connection)
    except Unauthenticated:
        raise Unauthenticated(UNAUTHENTICATED) from None
    if actor is None:
        actor = await cookie.signed_in_member(connection)
    if actor is None and identity.DEV_HEADER in connection.headers and is_local_and_private(connection):
        developer = await identity.current_member(connection)  # a name is one person, however it comes
        actor = developer if developer.role is not None else None
    elif actor is not None and actor.role is None:
        actor = await identity.with_role(http_deps(connection), actor)
    if actor is None:
        raise Unauthenticated(UNAUTHENTICATED)
    require(actor, "session.view")
    return actor


async def current_role(deps: ChroteDeps, user_id: UUID) -> Role | None:
    """The user's present role, on any replica; None for a user who is no member any more."""
    row = await users.get(deps.queries, user_id)
    return Role(row.role) if row else None
