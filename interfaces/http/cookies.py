"""The cookie of somebody who has signed in: what it is called, who it stands for, and what it may not do.

A browser sends it along whichever page asks, so whatever changes something must come from a page of ours (`Origin`).
"""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.responses import Response

from application.access import Actor
from application.logins import LASTS
from domain.errors import NotAllowed, NotFound
from domain.role import Role
from domain.user import User
from interfaces.http.deps import HttpDeps, http_deps
from projections import users

COOKIE = "tenure_login"
SAFE = ("GET", "HEAD", "OPTIONS")


async def member(connection: HTTPConnection) -> Actor | None:
    """Whom the cookie stands for, with the role that they have now. `NotAllowed` for a page of somebody else's."""
    deps = http_deps(connection)
    token = connection.cookies.get(COOKIE)
    user_id = await deps.logins.find_user(token) if token else None
    if user_id is None:
        return None
    role = await role_of(deps, user_id)
    if role is None:
        return None
    if connection.scope.get("method", "GET") not in SAFE:
        require_own_origin(connection)
    profiles = await deps.profiles.profiles([user_id])
    return Actor(
        user_id=user_id,
        name=profiles[user_id].name if user_id in profiles else "",
        request_id=connection.scope.get("state", {}).get("request_id", ""),
        auditor=role.at_least(Role.ADMIN),
        role=role,
    )


async def role_of(deps: HttpDeps, user_id: UUID) -> Role | None:
    """The role that somebody has now; None if they have been removed."""
    row = await users.get(deps.queries, user_id)
    if row:
        return Role(row.role)
    try:  # somebody who has just come may not be listed yet, where the follower is slow
        user = await deps.platform.load(User, user_id)
    except NotFound:
        return None
    return None if user.removed_at else user.role


def require_own_origin(connection: HTTPConnection) -> None:
    """Return if no page says that it asks, or one of ours does. WebSockets ask this before they are accepted."""
    origin = connection.headers.get("origin")
    if origin is not None and not own_origin(origin, connection, http_deps(connection)):
        raise NotAllowed("a page of another origin may not do this")


def own_origin(origin: str, connection: HTTPConnection, deps: HttpDeps) -> bool:
    if origin in deps.origins:
        return True
    page = urlsplit(origin)
    return page.netloc == connection.headers.get("host") and page.hostname in deps.hosts


def give(response: Response, deps: HttpDeps, token: str) -> None:
    response.set_cookie(
        COOKIE, token, max_age=int(LASTS.total_seconds()), httponly=True, samesite="lax", secure=deps.https
    )


def take(response: Response, deps: HttpDeps) -> None:
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=deps.https)
