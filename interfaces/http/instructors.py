"""Tokens of instructors who have logged in with a password, and the users whom they stand for."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from application.access import Actor
from application.instructors import TOKEN_PREFIX
from domain.role import Role
from interfaces.http.deps import http_deps
from interfaces.http.errors import Unauthenticated
from interfaces.http.identity import bearer_token, request_id
from projections import users


def instructor_token(connection: HTTPConnection) -> str | None:
    """The instructor's token in the request, valid or not; None without one."""
    headers = connection.headers.getlist("authorization")
    text = bearer_token(headers) if headers else ""
    return text if text.startswith(TOKEN_PREFIX) else None


async def find_instructor(connection: HTTPConnection) -> Actor | None:
    """The instructor of the token; None without one. Raises `Unauthenticated` for an invalid one."""
    deps, text = http_deps(connection), instructor_token(connection)
    if text is None:
        return None
    login = await deps.instructors.find(text)
    row = await users.get(deps.queries, login.user_id) if login else None
    if login is None or row is None:
        raise Unauthenticated("this token is not valid any more; sign in again: POST /api/auth/login")
    profile = (await deps.profiles.profiles([row.id])).get(row.id)
    role = Role(row.role)
    return Actor(
        user_id=row.id,
        name=profile.name if profile else "",
        request_id=request_id(connection),
        auditor=role.at_least(Role.ADMIN),
        role=role,
        login_id=login.id,
        expires_at=login.expires_at,
    )
