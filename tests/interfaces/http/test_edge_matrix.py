"""Every route of every contract, by every rule of who is asking. The routes are the application's own list."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from interfaces import app
from interfaces.app import CONTRACTS
from interfaces.http.edge_rules import (
    FOREIGN_HOST,
    FOREIGN_ORIGIN,
    FORWARDED_NAME,
    FORWARDED_PORTAL,
    FORWARDED_SIGN_IN,
    RULES,
    TWO_NAMES,
    EdgeRule,
)
from interfaces.http.errors import install
from interfaces.http.openapi import Api
from tests.support.databases import Databases
from tests.support.server import WAIT_TIMEOUT_S, Served, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
SOCKET = "WS"
CLOSED = {4001: 401, 4004: 404}  # CHROTE accepts a socket, and refuses it with these codes (C36, C49)
MANY_REQUESTS = 1_000_000
FORWARDED = {"x-forwarded-for": "203.0.113.9"}


@dataclass(frozen=True)
class Route:
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def address(self) -> str:
        """The path with a value in place of each parameter."""
        return re.sub(r"{[^}]*}", "1", self.path)


def routes_of(api: Any) -> list[Route]:
    return sorted(
        {Route(method, route.path) for route in api.routes for method in getattr(route, "methods", None) or {SOCKET}},
        key=str,
    )


def application() -> Api:
    api = Api(title="Tenure", version="0", redirect_slashes=False, docs_url=None, redoc_url=None)
    install(api, CONTRACTS)
    return api


ROUTES = routes_of(application())
CHANGES = [route for route in ROUTES if route.method not in SAFE_METHODS]
PORTAL = [route for route in ROUTES if route.path.startswith("/api/workshops")]
DEV_SIGN_IN = [route for route in ROUTES if route.path.endswith("/dev")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def required(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A local and private Tenure where instructors must sign in, so that no route answers without a credential."""
    with databases.lend() as url:
        home = tmp_path_factory.mktemp("required")
        limits: dict[str, Any] = {f"{kind}_per_hour": MANY_REQUESTS for kind in ("accounts", "joins", "workshops")}
        async with served(url, home, portal_auth="required", guesses_per_minute=MANY_REQUESTS, **limits) as serving:
            yield serving


async def status(tenure: Served, route: Route, **headers: str) -> int:
    """The status of the answer to a request with these headers, or that a socket is refused with; 101 for an open one.

    An underscore in the name of a header stands for a hyphen.
    """
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if route.method == SOCKET:
        return await status_of_socket(tenure, route, fields)
    body: dict[str, Any] | None = None if route.method in SAFE_METHODS else {}
    async with (
        httpx.AsyncClient(base_url=tenure.url, headers=fields, timeout=WAIT_TIMEOUT_S) as client,
        client.stream(route.method, route.address, json=body) as answer,
    ):
        return answer.status_code


async def status_of_socket(tenure: Served, route: Route, headers: dict[str, str]) -> int:
    # The connection is made by address: the library would connect to the Host that it is to send.
    host, _, port = tenure.url.removeprefix("http://").partition(":")
    url = f"ws://{headers.pop('host', f'{host}:{port}')}{route.address}"
    origin: Any = headers.pop("origin", None)
    try:
        async with (
            asyncio.timeout(WAIT_TIMEOUT_S),
            connect(url, host=host, port=int(port), origin=origin, additional_headers=headers, proxy=None) as socket,
        ):
            await socket.recv()
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code
    except ConnectionClosed as closed:
        return CLOSED[closed.rcvd.code if closed.rcvd else 0]


async def test_the_matrix_has_every_route_of_the_server(required: Served) -> None:
    assert routes_of(app.build(required.tenure.deps)) == ROUTES
    assert {"GET", "POST", "PUT", "PATCH", "DELETE", SOCKET} <= {route.method for route in ROUTES}
    assert len(ROUTES) > 100


@pytest.mark.fault("F1")
@pytest.mark.parametrize("route", ROUTES, ids=str)
async def test_no_route_answers_to_a_foreign_host_name(required: Served, route: Route) -> None:
    headers = {"x-user": "ann", "x-vm-user": "ann", "authorization": "Bearer anything"}
    assert await status(required, route, host="evil.example:3000", **headers) == FOREIGN_HOST.status


@pytest.mark.fault("F10")
@pytest.mark.parametrize("route", CHANGES, ids=str)
async def test_no_cookie_counts_for_a_page_of_another_origin(required: Served, route: Route) -> None:
    cookie = await sign_in(required)
    own, foreign = required.url, "http://127.0.0.1:1"  # only the port differs
    nobody = await status(required, route, origin=foreign)
    from_elsewhere = await status(required, route, origin=foreign, cookie=cookie)
    counts = await status(required, route, origin=own, cookie=cookie) != await status(required, route, origin=own)
    assert from_elsewhere == (FOREIGN_ORIGIN.status if counts else nobody)


@pytest.mark.fault("F10")
async def test_the_cookie_does_count_for_own_pages_and_for_programs(required: Served) -> None:
    for path in ("/api/v1/events", "/ws"):
        socket = Route(SOCKET, path)
        assert await status(required, socket, origin=required.url, cookie=await sign_in(required)) == 101
        assert await status(required, socket, cookie=await sign_in(required)) == 101
        assert await status(required, socket, origin="http://127.0.0.1:1", cookie=await sign_in(required)) == 403


async def sign_in(tenure: Served, below: str = "") -> str:
    """Sign in anew, below this path: a route may have ended the login before. Returns the header with the cookie."""
    async with httpx.AsyncClient(base_url=tenure.url, timeout=WAIT_TIMEOUT_S) as client:
        answer = await client.get(f"{below}/auth/dev", params={"name": "owner"})
        assert answer.status_code == 302, answer.text
        return f"tenure_login={client.cookies['tenure_login']}"


@pytest.mark.fault("F2")
@pytest.mark.parametrize("route", ROUTES, ids=str)
async def test_no_route_takes_x_user_of_a_forwarded_request(required: Served, route: Route) -> None:
    nobody = await status(required, route, **FORWARDED)
    assert await status(required, route, x_user="eve", **FORWARDED) == nobody
    assert nobody == FORWARDED_NAME.status or not route.path.startswith("/api/v1")


@pytest.mark.fault("F2")
@pytest.mark.parametrize("route", DEV_SIGN_IN, ids=str)
async def test_a_forwarded_request_finds_no_sign_in_by_name(required: Served, route: Route) -> None:
    assert await status(required, Route(route.method, f"{route.path}?name=eve"), **FORWARDED) == 404
    assert FORWARDED_SIGN_IN.status == 404
    assert await status(required, Route(route.method, f"{route.path}?name=owner")) == 302


@pytest.mark.fault("F2")
@pytest.mark.parametrize("route", PORTAL, ids=str)
async def test_the_open_portal_is_closed_to_forwarded_requests(house: Served, route: Route) -> None:
    assert await status(house, route, **FORWARDED) == FORWARDED_PORTAL.status
    assert await status(house, route) != FORWARDED_PORTAL.status


@pytest.mark.fault("F7")
@pytest.mark.parametrize("route", ROUTES, ids=str)
async def test_two_names_from_a_proxy_are_nobodys_on_every_route(required: Served, route: Route) -> None:
    two = {"x-vm-user": "ann", "x-forwarded-user": "eve"}
    nobody = await status(required, route, **FORWARDED)  # a name from a proxy says that a proxy forwarded it
    assert await status(required, route, **two) == nobody
    assert nobody == TWO_NAMES.status or not route.path.startswith("/api/v1")


TRIED: dict[str, EdgeRule] = {
    "test_no_route_answers_to_a_foreign_host_name": FOREIGN_HOST,
    "test_no_cookie_counts_for_a_page_of_another_origin": FOREIGN_ORIGIN,
    "test_no_route_takes_x_user_of_a_forwarded_request": FORWARDED_NAME,
    "test_a_forwarded_request_finds_no_sign_in_by_name": FORWARDED_SIGN_IN,
    "test_the_open_portal_is_closed_to_forwarded_requests": FORWARDED_PORTAL,
    "test_two_names_from_a_proxy_are_nobodys_on_every_route": TWO_NAMES,
}


async def test_every_rule_of_the_reference_page_is_tried_here() -> None:
    assert list(TRIED.values()) == list(RULES)
    assert TRIED.keys() <= globals().keys()
