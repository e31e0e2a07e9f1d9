"""Authentication in Neptuned: a login's token, or an API key, or an access token that was made from a key.

actor: Member                                   in an endpoint: anybody with an account, banned or not (N52)
actor: Administrator                            in a route of `admin_router`, which refuses everybody else (N41)
await member_not_banned(socket)                 before a socket is accepted
await wait_until_access_ends(http, deps, actor) while a socket is open
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from application.access import Actor, require
from application.access_changes import Change
from domain.errors import NotAllowed
from domain.vm_account import VmAccount
from interfaces.http import identity
from interfaces.http.deps import HttpDeps
from interfaces.http.errors import Unauthenticated, errors
from interfaces.http.leases import AccessEnded, lease_of
from interfaces.neptuned.deps import NeptunedDeps, neptuned_deps

BASE = "/api/v0"
LOG_IN_FIRST = f"log in first: a good token is needed in Authorization: Bearer, from POST {BASE}/login"


async def member(connection: HTTPConnection) -> Actor:
    """The user who asks. A banned user has no user type. Raises `Unauthenticated`."""
    deps = neptuned_deps(connection)
    headers = [header for header in connection.headers.getlist("authorization") if not has_ignored_scheme(header)]
    token = identity.bearer_token(headers) if headers else query_token(connection)
    login = await deps.vm_tokens.find(token, deps.clock()) if token else None
    if login:
        actor = Actor(
            user_id=login.user_id,
            name="",
            request_id=identity.request_id(connection),
            token_id=login.token_id,
            expires_at=login.expires_at,
        )
        return await with_user_type(deps, actor)
    if token:
        grant = await identity.find_grant(connection, token)
        key_actor = identity.actor_of_grant(connection, grant) if grant else None
    else:
        key_actor = None if headers else await identity.key_holder(connection)
    if key_actor is None:
        raise Unauthenticated(LOG_IN_FIRST)
    return await with_user_type(deps, key_actor)


async def with_user_type(deps: NeptunedDeps, actor: Actor) -> Actor:
    """The actor with their present user type. Raises `Unauthenticated` if they have closed their account."""
    account = await deps.vm_accounts.find(actor.user_id)
    if account is None and actor.token_id is None:
        account = await deps.vm_accounts.open_for(actor)
    if account is None or account.closed_at:
        raise Unauthenticated(LOG_IN_FIRST)
    return replace(actor, user_type=None if account.banned else account.user_type)


def has_ignored_scheme(header: str) -> bool:
    return header.partition(" ")[0].lower() in identity.IGNORED_SCHEMES


def query_token(connection: HTTPConnection) -> str:
    """`?token=` of a WebSocket. Of other requests it does not count: their addresses end in logs and histories."""
    return connection.query_params.get("token", "") if connection.scope["type"] == "websocket" else ""


Member = Annotated[Actor, Depends(member)]


# -- administrators ---------------------------------------------------------------


class AdministratorRoute(APIRoute):
    """A route that refuses everybody but administrators before it reads parameters and body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def refuse_or_answer(request: Request) -> Response:
            actor = await member(request)
            require(actor, "vm_server.see")
            request.state.administrator = actor
            return await answer(request)

        return refuse_or_answer


def admin_router(path: str, *, tags: list[str | Enum]) -> APIRouter:
    """A router below /admin."""
    return APIRouter(
        prefix=f"{BASE}/admin{path}", route_class=AdministratorRoute, responses=errors(400, 401, 404, 409), tags=tags
    )


def administrator(request: Request) -> Actor:
    """The administrator whom the route has admitted."""
    actor: Actor = request.state.administrator
    return actor


Administrator = Annotated[Actor, Depends(administrator)]


# -- connected users --------------------------------------------------------------


async def member_not_banned(connection: HTTPConnection) -> Actor:
    """The user who asks. Raises `Unauthenticated`, and `NotAllowed` with the reason of a ban (N31, N32, N51)."""
    actor = await member(connection)
    if actor.user_type is None:
        raise NotAllowed(await ban_sentence(neptuned_deps(connection), actor))
    return actor


async def ban_sentence(deps: NeptunedDeps, actor: Actor) -> str:
    """The sentence for a banned user."""
    details = (await deps.vm_account_rows.describe([actor.user_id])).get(actor.user_id)
    return f"you are banned: {details.ban_reason}" if details and details.ban_reason else "you are banned"


async def wait_until_access_ends(http: HttpDeps, deps: NeptunedDeps, actor: Actor) -> str:
    """Wait until the user may not be connected any more, and return the reason. Raises `ShuttingDown`."""

    async def require_access() -> Actor:
        if problem := await access_problem(deps, actor):
            raise Unauthenticated(problem)
        return actor

    ids = {id for id in (actor.user_id, VmAccount.id_of(actor.user_id), actor.token_id, actor.key_id) if id}
    with lease_of(http, ids, require_access, actor.expires_at) as held_lease:
        held_lease.on_change(Change.MAYBE)  # access may have ended before
        try:
            await held_lease.wait_until_ended()
        except AccessEnded as error:
            return str(error)


async def access_problem(deps: NeptunedDeps, actor: Actor) -> str | None:
    """Why the user may not be connected any more; None if they may."""
    account = await deps.vm_accounts.find(actor.user_id)
    if account is None or account.closed_at:
        return "this account is not there any more"
    if account.banned:
        return await ban_sentence(deps, actor)
    if actor.expires_at and actor.expires_at <= deps.clock():
        return "this token is over; log in again" if actor.token_id else "this key, or its token, is over"
    if actor.token_id and not await deps.vm_tokens.is_valid(actor.token_id, deps.clock()):
        return "this token is not good any more; log in again"
    return None
