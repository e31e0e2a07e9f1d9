"""Pages of other origins: what takes a token of theirs is open to all, the rest to those that are listed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from interfaces.app import CONTRACTS
from tests.interfaces.http.test_edge_matrix import FORWARDED, ROUTES, SOCKET, Route, sign_in, status
from tests.support.server import Served, served

pytestmark = pytest.mark.fault("F72")

LISTED, STRANGER = "https://desk.example", "https://anywhere.example"
PREFLIGHT = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
ALLOW_ORIGIN, ALLOW_CREDENTIALS = "access-control-allow-origin", "access-control-allow-credentials"


@pytest.fixture
async def desk(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with served(database, tmp_path, cors_origins=LISTED, portal_auth="required") as tenure:
        yield tenure


@pytest.mark.parametrize("path", ["/vm/1/files", "/sessions", "/token", "/api/v0/list", "/.well-known/jwks.json"])
async def test_pages_of_any_origin_read_what_takes_a_token(desk: Served, tenure: Served, path: str) -> None:
    for serving in (desk, tenure):
        async with httpx.AsyncClient(base_url=serving.url, headers={"origin": STRANGER}) as page:
            preflight = await page.options(path, headers=PREFLIGHT)
            assert (preflight.status_code, preflight.headers[ALLOW_ORIGIN]) == (200, "*")
            assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
            answer = await page.get(path)
            assert answer.headers[ALLOW_ORIGIN] == "*"
            assert ALLOW_CREDENTIALS not in {*answer.headers, *preflight.headers}


@pytest.mark.parametrize("path", ["/api/v1/workspaces", "/api/workshops", "/api/join", "/auth/me", "/"])
async def test_the_rest_is_read_by_pages_of_listed_origins_only(desk: Served, path: str) -> None:
    async with httpx.AsyncClient(base_url=desk.url) as page:
        assert ALLOW_ORIGIN not in (await page.get(path, headers={"origin": STRANGER})).headers
        assert ALLOW_ORIGIN not in (await page.options(path, headers=PREFLIGHT | {"origin": STRANGER})).headers
        listed = await page.get(path, headers={"origin": LISTED})
        assert (listed.headers[ALLOW_ORIGIN], listed.headers[ALLOW_CREDENTIALS]) == (LISTED, "true")


async def test_a_listed_origin_keeps_its_credentials_everywhere(desk: Served) -> None:
    async with httpx.AsyncClient(base_url=desk.url) as page:
        listed = await page.get("/vm/1/files", headers={"origin": LISTED})
        assert (listed.headers[ALLOW_ORIGIN], listed.headers[ALLOW_CREDENTIALS]) == (LISTED, "true")


def is_open_to_any_origin(route: Route) -> bool:
    return any(re.match(contract.any_origin, route.address) for contract in CONTRACTS)


async def test_what_is_open_to_any_origin_takes_nothing_that_a_browser_sends_by_itself(desk: Served) -> None:
    cookie = await sign_in(desk)
    routes = [route for route in ROUTES if is_open_to_any_origin(route) and route.method != SOCKET]
    assert len(routes) > 30
    for route in routes:
        nobody = await status(desk, route)
        assert await status(desk, route, cookie=cookie, x_user="ann", x_vm_user="ann") == nobody, route
        assert await status(desk, route, **FORWARDED) == nobody, route
