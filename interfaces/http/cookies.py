"""The login cookie: setting it, deleting it, and the member whom it stands for.

A browser sends a cookie whichever page makes the request. So a WebSocket, and a request that changes something, must
come from a page of this origin: see `interfaces.http.origins`.
"""

from __future__ import annotations

from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.responses import Response

from application.access import Actor
from application.logins import LASTS
from domain.errors import NotFound
from domain.role import Role
from domain.user import User
from interfaces.http.deps import HttpDeps, http_deps
from interfaces.http.origins import require_own_origin
from projections import users

COOKIE = "tenure_login"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


async def signed_in_member(connection: HTTPConnection) -> Actor | None:
    """The member of the cookie, with their role now; None without a valid one. `NotAllowed` for a foreign page."""
    deps = http_deps(connection)
    token = connection.cookies.get(COOKIE)
    login = await deps.logins.find(token) if token else None
    if login is None:
        return None
    user_id = login.user_id
    role = await current_role(deps, user_id)
    if role is None:
        return None
    # A WebSocket has no method: what is read or typed over it is anything but safe.
    if connection.scope["type"] == "websocket" or connection.scope["method"] not in SAFE_METHODS:
        require_own_origin(connection)
    profiles = await deps.profiles.profiles([user_id])
    return Actor(
        user_id=user_id,
        name=profiles[user_id].name if user_id in profiles else "",
        request_id=connection.scope.get("state", {}).get("request_id", ""),
        auditor=role.at_least(Role.ADMIN),
        role=role,
        login_id=login.id,
        expires_at=login.expires_at,
    )


async def current_role(deps: HttpDeps, user_id: UUID) -> Role | None:
    """The role of a user now; None for a removed one."""
    row = await users.get(deps.queries, user_id)
    if row:
        return Role(row.role)
    try:  # a new member may not be listed yet while the follower is behind
        user = await deps.platform.load(User, user_id)
    except NotFound:
        return None
    return None if user.removed_at else user.role


def set_login_cookie(response: Response, deps: HttpDeps, token: str) -> None:
    """Set the cookie: HttpOnly, SameSite=Lax, Secure on https, and for the path of the public URL only."""
    max_age_s = int(LASTS.total_seconds())
    response.set_cookie(
        COOKIE, token, max_age_s, path=deps.path or "/", httponly=True, samesite="lax", secure=deps.https
    )


def delete_login_cookie(response: Response, deps: HttpDeps) -> None:
    """Delete the cookie."""
    response.delete_cookie(COOKIE, path=deps.path or "/", httponly=True, samesite="lax", secure=deps.https)
