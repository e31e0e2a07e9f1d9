"""/auth and /api/auth: sign in, sign out, and the signed-in user (C01 to C10)."""

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
from domain.errors import NotFound
from interfaces.chrote import views
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import ChroteDeps, chrote_deps
from interfaces.chrote.errors import errors
from interfaces.http import instructors as instructor
from interfaces.http.cookies import COOKIE, delete_login_cookie, set_login_cookie
from interfaces.http.deps import http_deps
from interfaces.http.edge_rules import FORWARDED_SIGN_IN
from interfaces.http.errors import Unauthenticated
from interfaces.http.identity import client_address
from interfaces.http.local_and_private import is_local_and_private
from interfaces.http.origins import require_own_origin
from interfaces.http.responses import Json
from projections import users

REFUSALS = errors(400, 401, 403, 404, 429)
router = APIRouter(prefix="/auth", tags=["sign-in"], responses=REFUSALS)
api_router = APIRouter(prefix="/api/auth", tags=["sign-in"], responses=REFUSALS)
Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Response]])
SIGN_IN_COOKIE = "tenure_sign_in"  # of a browser that is at a provider to sign in
SIGN_IN_TIMEOUT_S = 600
Invited = Annotated[str | None, Query(alias="invite", max_length=200, description="the token of an invite")]


def endpoint(method: str, path: str, *, redirects: bool = False) -> Callable[[Endpoint], Endpoint]:
    """Add an endpoint under /auth and under /api/auth. It answers with JSON, or with a redirect."""

    def add(endpoint: Endpoint) -> Endpoint:
        for mounted in (router, api_router):
            if redirects:
                mounted.add_api_route(
                    path, endpoint, methods=[method], response_class=RedirectResponse, status_code=302
                )
            else:
                mounted.add_api_route(path, endpoint, methods=[method], response_model=dict[str, Any])
        return endpoint

    return add


async def signed_in_user(connection: HTTPConnection) -> Actor:
    """An instructor who has logged in with a password, or a member. Raises `Unauthenticated`."""
    return await instructor.find_instructor(connection) or await member(connection)


@endpoint("GET", "/me")
async def me(request: Request, actor: Annotated[Actor, Depends(signed_in_user)]) -> Response:
    """The signed-in user: flat, and the same under `user`. This prolongs the cookie."""
    deps = chrote_deps(request)
    row = await users.get(deps.queries, actor.user_id)
    if row is None:
        raise Unauthenticated("Authentication required")
    view = views.user_view(row, (await deps.profiles.profiles([row.id])).get(row.id))
    if instructor.instructor_token(request):
        view["id"] = str(row.id)  # the form that the login with a password answers with
    answer = Json(view | {"user": view})
    if actor.scopes is None and not instructor.instructor_token(request):  # the cookie is the credential in use
        set_login_cookie(answer, http_deps(request), request.cookies[COOKIE])
    return answer


@endpoint("POST", "/logout")
async def logout(request: Request) -> Response:
    """End this login. Succeeds without a login, too. A page of another origin may not do it."""
    require_own_origin(request)
    deps = chrote_deps(request)
    if token := request.cookies.get(COOKIE):
        await deps.logins.sign_out(token)
    if token := instructor.instructor_token(request):
        await deps.instructors.log_out(token)
    answer = Json({"success": True})
    delete_login_cookie(answer, http_deps(request))
    return answer


@endpoint("GET", "/dev", redirects=True)
async def sign_in_for_development(request: Request, name: str, invite: Invited = None) -> Response:
    """Sign in with a name alone. Exists for local and private requests only."""
    deps = chrote_deps(request)
    require_own_origin(request)  # else any page could sign the browser in, as whom it likes
    if not is_local_and_private(request):
        raise NotFound(FORWARDED_SIGN_IN.sentence)
    try:
        invited = await deps.logins.invitation(invite, client_address(request))
        return await signed_in(request, await deps.logins.sign_in_by_name(name, invited, request_id(request)))
    except NotLetIn as error:
        return failed(request, error.code)


@endpoint("GET", "/status")
async def status(request: Request) -> Response:
    """The ways to sign in, for the page to show a button for each."""
    deps = chrote_deps(request)
    providers = {"github": False, "google": False} | dict.fromkeys(deps.providers, True)
    return Json({"providers": providers, "dev": is_local_and_private(request)})


@endpoint("GET", "/{provider}", redirects=True)
async def begin(request: Request, provider: str, invite: Invited = None) -> Response:
    """Redirect to the provider. The invite counts when the user comes back."""
    deps = chrote_deps(request)
    identity_provider = provider_of(deps, provider)
    invited = await deps.logins.invitation(invite, client_address(request))
    sign_in = await deps.pending_sign_ins.begin(provider, invited, deps.clock())
    try:
        answer = RedirectResponse(await identity_provider.begin(redirect_uri(request, provider), sign_in), 302)
    except ProviderFailed:
        return failed(request, "oauth_failed")
    https = http_deps(request).https
    answer.set_cookie(
        SIGN_IN_COOKIE,
        sign_in.browser,
        SIGN_IN_TIMEOUT_S,
        path=http_deps(request).path or "/",
        httponly=True,
        samesite="lax",
        secure=https,
    )
    return answer


@endpoint("GET", "/{provider}/callback", redirects=True)
async def come_back(request: Request, provider: str, state: str = "", code: str = "") -> Response:
    """The provider redirects back to here. Leads to the page, signed in or with the reason why not."""
    deps = chrote_deps(request)
    identity_provider = provider_of(deps, provider)
    browser = request.cookies.get(SIGN_IN_COOKIE, "")
    sign_in = await deps.pending_sign_ins.take(provider, state, browser, deps.clock())
    if sign_in is None:
        return failed(request, "invalid_state")
    try:
        if not code:  # the user has refused at the provider, which then sends `error`
            raise ProviderFailed
        person = await identity_provider.finish(redirect_uri(request, provider), sign_in, code)
        answer = await signed_in(request, await deps.logins.sign_in(person, sign_in.invitation, request_id(request)))
    except ProviderFailed:
        answer = failed(request, "oauth_failed")
    except NotLetIn as error:
        answer = failed(request, error.code)
    base = http_deps(request)
    answer.delete_cookie(SIGN_IN_COOKIE, path=base.path or "/", httponly=True, samesite="lax", secure=base.https)
    return answer


def provider_of(deps: ChroteDeps, name: str) -> Provider:
    if name not in deps.providers:
        raise NotFound("this server does not offer that way to sign in")
    return deps.providers[name]


def redirect_uri(request: Request, provider: str) -> str:
    """The callback below the mount that the request came to: both have to be registered at the provider, if used."""
    mount = api_router.prefix if request.scope["route"].path.startswith(f"{api_router.prefix}/") else router.prefix
    return f"{chrote_deps(request).url}{mount}/{provider}/callback"


async def signed_in(request: Request, token: str) -> Response:
    """Redirect to the page with a new cookie. The login of the former cookie ends."""
    deps = chrote_deps(request)
    if before := request.cookies.get(COOKIE):
        await deps.logins.sign_out(before)
    answer = RedirectResponse(f"{http_deps(request).path}/", 302)
    set_login_cookie(answer, http_deps(request), token)
    return answer


def failed(request: Request, reason: str) -> Response:
    return RedirectResponse(f"{http_deps(request).path}/?error={reason}", 302)


def request_id(request: Request) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))
