"""Who asks, in Neptuned: somebody who has logged in, or comes with an API key or a token made from one.

who: Member                in an endpoint: anybody whom we know, banned or not (N52)
who: Administrator         in one of a router of `administering`, which lets nobody else in (N41)
await admitted(socket)     before a socket is accepted: who is not banned
await let_go(deps, who)   while it is open: returns when they may not be connected any more
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from application.access import Actor, require
from application.ports.errors import Unavailable
from domain.errors import NotAllowed
from interfaces.http import identity
from interfaces.http.errors import Unauthenticated, errors
from interfaces.neptuned.deps import NeptunedDeps, neptuned_deps
from projections.stream_reader import AccessRevoked, CutOff

BASE = "/api/v0"
NEEDED = f"log in first: a good token is needed in Authorization: Bearer, from POST {BASE}/login"


async def member(connection: HTTPConnection) -> Actor:
    """Raises `Unauthenticated`. Who is banned has no user type."""
    deps = neptuned_deps(connection)
    said = [it for it in connection.headers.getlist("authorization") if not other(it)]
    text = identity.bearer_token(said) if said else in_address(connection)
    found = await deps.vm_tokens.find(text, deps.clock()) if text else None
    if found:
        user_id, token_id = found
        who = Actor(user_id, "", identity.request_id(connection), token_id=token_id)
    elif text:
        grant = await identity.find_grant(connection, text)
        if grant is None:
            raise Unauthenticated(NEEDED)
        who = identity.actor_of_grant(connection, grant)
    else:
        key = None if said else await identity.key_holder(connection)
        if key is None:
            raise Unauthenticated(NEEDED)
        who = key
    return await with_type(deps, who)


async def with_type(deps: NeptunedDeps, who: Actor) -> Actor:
    """What they may do now. `Unauthenticated` for who has closed their account."""
    account = await deps.vm_accounts.find(who.user_id)
    if account is None and who.token_id is None:
        account = await deps.vm_accounts.open_for(who)
    if account is None or account.closed_at:
        raise Unauthenticated(NEEDED)
    return replace(who, user_type=None if account.banned else account.user_type)


def other(header: str) -> bool:
    return header.partition(" ")[0].lower() in identity.IGNORED_SCHEMES


def in_address(connection: HTTPConnection) -> str:
    """Only of a socket, for which a browser cannot set headers; other addresses end in logs and histories."""
    return connection.query_params.get("token", "") if connection.scope["type"] == "websocket" else ""


Member = Annotated[Actor, Depends(member)]


# -- administrators ---------------------------------------------------------------


class Administered(APIRoute):
    """A route of administrators: others are refused before anything that they sent is looked at."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def refused_or_answered(request: Request) -> Response:
            who = await member(request)
            require(who, "vm_server.see")
            request.state.administrator = who
            return await answer(request)

        return refused_or_answered


def administering(path: str, **more: Any) -> APIRouter:
    """A router below /admin."""
    return APIRouter(
        prefix=f"{BASE}/admin{path}", route_class=Administered, responses=errors(400, 401, 404, 409), **more
    )


def administrator(request: Request) -> Actor:
    """Whom the route has let in."""
    who: Actor = request.state.administrator
    return who


Administrator = Annotated[Actor, Depends(administrator)]


# -- who is connected -------------------------------------------------------------


async def admitted(connection: HTTPConnection) -> Actor:
    """`Unauthenticated`; `NotAllowed` for who is banned, with the reason (N31, N32, N51)."""
    who = await member(connection)
    if who.user_type is None:
        raise NotAllowed(await banned(neptuned_deps(connection), who))
    return who


async def banned(deps: NeptunedDeps, who: Actor) -> str:
    """The sentence that somebody who is banned is shown."""
    kept = (await deps.vm_account_rows.describe([who.user_id])).get(who.user_id)
    return f"you are banned: {kept.ban_reason}" if kept and kept.ban_reason else "you are banned"


async def let_go(deps: NeptunedDeps, who: Actor) -> str:
    """Why somebody who is connected may not be any more, as soon as that is so. Raises `Closing` when we end."""
    while True:
        try:
            async with aclosing(deps.hub.follow(who, None, None)) as told:
                async for some in told:  # at first that it follows: something may have happened before
                    if why := await why_not(deps, who):
                        return why
                    del some
        except AccessRevoked:
            return "this key is not good any more"
        except CutOff:
            continue
        except Unavailable:
            await asyncio.sleep(1)


async def why_not(deps: NeptunedDeps, who: Actor) -> str | None:
    account = await deps.vm_accounts.find(who.user_id)
    if account is None or account.closed_at:
        return "this account is not there any more"
    if account.banned:
        return await banned(deps, who)
    if who.token_id and not await deps.vm_tokens.is_valid(who.token_id, deps.clock()):
        return "this token is not good any more; log in again"
    return None
