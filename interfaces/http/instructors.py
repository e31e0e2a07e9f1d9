"""The token of an instructor who has logged in with a password: who it stands for."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from application.access import Actor
from application.instructors import TOKEN_PREFIX
from domain.role import Role
from interfaces.http.deps import http_deps
from interfaces.http.errors import Unauthenticated
from interfaces.http.identity import request_id, token_of
from projections import users


def token(connection: HTTPConnection) -> str | None:
    """It, if one comes along, good or not."""
    said = connection.headers.getlist("authorization")
    text = token_of(said) if said else ""
    return text if text.startswith(TOKEN_PREFIX) else None


async def instructor(connection: HTTPConnection) -> Actor | None:
    """None where none comes along. `Unauthenticated` for one that is not good."""
    deps, text = http_deps(connection), token(connection)
    if text is None:
        return None
    user_id = await deps.instructors.find_user(text)
    row = await users.get(deps.queries, user_id) if user_id else None
    if row is None:
        raise Unauthenticated("this token is not good any more: POST /api/auth/login")
    profile = (await deps.profiles.profiles([row.id])).get(row.id)
    role = Role(row.role)
    return Actor(row.id, profile.name if profile else "", request_id(connection), role.at_least(Role.ADMIN), role)
