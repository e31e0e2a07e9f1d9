"""/auth and /api/auth: signing in and out, and who one is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Response
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse

from application.access import Actor
from application.logins import NotLetIn
from application.ports.errors import ProviderFailed
from application.ports.logins import Provider
from domain.errors import NotAllowed, NotFound
from interfaces.chrote import views as present
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import ChroteDeps, chrote_deps
from interfaces.chrote.errors import errors
from interfaces.http import instructors as instructor
from interfaces.http.cookies import COOKIE, delete_login_cookie, require_own_origin, set_login_cookie
from interfaces.http.deps import http_deps
from interfaces.http.errors import Unauthenticated
from interfaces.http.identity import client_address
from interfaces.http.responses import Json
from projections import users

REFUSALS = errors(400, 401, 403, 404, 429)
router = APIRouter(prefix="/auth", tags=["sign-in"], responses=REFUSALS)
api_router = APIRouter(prefix="/api/auth", tags=["sign-in"], responses=REFUSALS)
Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Response]])
Who = Annotated[Actor, Depends(member)]
ATTEMPT, ATTEMPT_SECONDS = "tenure_sign_in", 600  # the cookie of a browser that is away at a provider
Invited = Annotated[str | None, Query(alias="invite", max_length=200, description="the token of an invite")]


def at(method: str, path: str, **shape: Any) -> Callable[[Endpoint], Endpoint]:
    """The endpoint is there under /auth and under /api/auth."""

    def add(endpoint: Endpoint) -> Endpoint:
        for mounted in (router, api_router):
            mounted.add_api_route(path, endpoint, methods=[method], **shape)
        return endpoint

    return add


async def anybody(connection: HTTPConnection) -> Actor:
    """Who has signed in, or logged in with a password."""
    return await instructor.find_instructor(connection) or await member(connection)


@at("GET", "/me", response_model=dict[str, Any])
async def me(request: Request, who: Annotated[Actor, Depends(anybody)]) -> Response:
    """Who has signed in: flat, and the same under `user`. The cookie lasts on from here."""
    deps = chrote_deps(request)
    row = await users.get(deps.queries, who.user_id)
    if row is None:
        raise Unauthenticated("Authentication required")
    shown = present.user(row, (await deps.profiles.profiles([row.id])).get(row.id))
    if instructor.instructor_token(request):
        shown["id"] = str(row.id)  # as it was told when they logged in
    answer = Json(shown | {"user": shown})
    if who.scopes is None and not instructor.instructor_token(request):  # they came by their cookie
        set_login_cookie(answer, http_deps(request), request.cookies[COOKIE])
    return answer


@at("POST", "/logout", response_model=dict[str, Any])
async def logout(request: Request) -> Response:
    """End this login. Nobody signed in is signed out enough; a page of another origin may not do it."""
    require_own_origin(request)
    deps = chrote_deps(request)
    if token := request.cookies.get(COOKIE):
        await deps.logins.sign_out(token)
    if token := instructor.instructor_token(request):
        await deps.instructors.log_out(token)
    answer = Json({"success": True})
    delete_login_cookie(answer, http_deps(request))
    return answer


@at("GET", "/dev", response_class=RedirectResponse, status_code=302)
async def sign_in_for_development(request: Request, name: str, invite: Invited = None) -> Response:
    """Sign in with a name alone. It is there only on a loopback address where no provider is configured."""
    deps = chrote_deps(request)
    if not deps.dev_login:
        raise NotFound("there is nothing at this address")
    if request.url.hostname not in deps.hosts or request.headers.get("sec-fetch-site") == "cross-site":
        raise NotAllowed("a page of another origin may not do this")
    try:
        invited = await deps.logins.invitation(invite, client_address(request))
        return await signed_in(request, await deps.logins.sign_in_by_name(name, invited, request_id(request)))
    except NotLetIn as why:
        return failed(why.code)


@at("GET", "/status", response_model=dict[str, Any])
async def status(request: Request) -> Response:
    """Which buttons to show."""
    deps = chrote_deps(request)
    told = {"github": False, "google": False} | dict.fromkeys(deps.providers, True)
    return Json({"providers": told, "dev": deps.dev_login})


@at("GET", "/{provider}", response_class=RedirectResponse, status_code=302)
async def begin(request: Request, provider: str, invite: Invited = None) -> Response:
    """Off to the provider. An invite is remembered until one is back."""
    deps = chrote_deps(request)
    there = provider_of(deps, provider)
    invited = await deps.logins.invitation(invite, client_address(request))
    sign_in = await deps.pending_sign_ins.begin(provider, invited, deps.clock())
    try:
        answer = RedirectResponse(await there.begin(redirect_uri(deps, provider), sign_in), 302)
    except ProviderFailed:
        return failed("oauth_failed")
    https = http_deps(request).https
    answer.set_cookie(ATTEMPT, sign_in.browser, max_age=ATTEMPT_SECONDS, httponly=True, samesite="lax", secure=https)
    return answer


@at("GET", "/{provider}/callback", response_class=RedirectResponse, status_code=302)
async def come_back(request: Request, provider: str, state: str = "", code: str = "") -> Response:
    """Back from the provider: to the page, signed in, or with the reason why not."""
    deps = chrote_deps(request)
    there = provider_of(deps, provider)
    browser = request.cookies.get(ATTEMPT, "")
    sign_in = await deps.pending_sign_ins.take(provider, state, browser, deps.clock())
    if sign_in is None:
        return failed("invalid_state")
    try:
        if not code:  # an `error` instead: they changed their mind there
            raise ProviderFailed
        who = await there.finish(redirect_uri(deps, provider), sign_in, code)
        answer = await signed_in(request, await deps.logins.sign_in(who, sign_in.invitation, request_id(request)))
    except ProviderFailed:
        answer = failed("oauth_failed")
    except NotLetIn as why:
        answer = failed(why.code)
    answer.delete_cookie(ATTEMPT, httponly=True, samesite="lax", secure=http_deps(request).https)
    return answer


def provider_of(deps: ChroteDeps, name: str) -> Provider:
    if name not in deps.providers:
        raise NotFound("nobody can sign in with that here")
    return deps.providers[name]


def redirect_uri(deps: ChroteDeps, provider: str) -> str:
    """The one that is registered at the provider, whichever of the two addresses was asked."""
    return f"{deps.url}/auth/{provider}/callback"


async def signed_in(request: Request, token: str) -> Response:
    """Back to the page, with a cookie; the login that was there before ends."""
    deps = chrote_deps(request)
    if before := request.cookies.get(COOKIE):
        await deps.logins.sign_out(before)
    answer = RedirectResponse("/", 302)
    set_login_cookie(answer, http_deps(request), token)
    return answer


def failed(reason: str) -> Response:
    return RedirectResponse(f"/?error={reason}", 302)


def request_id(request: Request) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))
