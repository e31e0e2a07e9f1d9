"""A public URL with a path: everything works below it, whether the proxy passes the path on or removes it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from infra.runtime.home import CannotStart
from infra.settings import BadSetting, Settings, load_settings
from infra.wiring.contracts import check_path
from interfaces.http.below_path import BelowPath
from tests.contracts.chrote.people import browser
from tests.interfaces.http.test_edge_matrix import ROUTES, SOCKET, Route, sign_in, status
from tests.support.ports import free_port
from tests.support.server import Served, served

pytestmark = pytest.mark.fault("F53")


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    port = free_port()
    settings: dict[str, Any] = {"public_url": f"http://127.0.0.1:{port}/a/lab/", "portal_auth": "required"}
    async with served(database, tmp_path, port=port, **settings) as tenure:
        yield tenure


async def test_the_page_and_all_that_it_loads_are_below_the_path(lab: Served) -> None:
    async with browser(lab) as client:
        without_slash = await client.get("/a/lab")
        assert (without_slash.status_code, without_slash.headers["location"]) == (307, "/a/lab/")
        page = await client.get("/a/lab/")
        script = await client.get("/a/lab/home.js")
        addresses = re.findall(r'(?:href|src|action)="([^"#]*)"', page.text)
        addresses += re.findall(r'ask\("([^"]*)"', script.text)
        assert len(addresses) >= 5
        for address in set(addresses) - {"auth/logout"}:  # that one is a POST
            answer = await client.get(urljoin(str(page.url), address))
            assert answer.status_code in (200, 401) and answer.url.path.startswith("/a/lab/"), address
        docs = (await client.get("/a/lab/docs")).text
        loaded = re.findall(r'(?:href|src|url)(?:=|: )"([^"]*)"', docs)
        assert len(loaded) >= 3
        for address in loaded:
            assert (await client.get(urljoin("/a/lab/docs", address))).status_code == 200, address
        document = (await client.get("/a/lab/openapi.json")).json()
        assert document["servers"] == [{"url": "/a/lab"}]


async def test_redirects_and_the_cookie_stay_below_the_path(lab: Served) -> None:
    async with browser(lab) as client:
        signed_in = await client.get("/a/lab/auth/dev", params={"name": "Ann"})
        assert signed_in.headers["location"] == "/a/lab/"
        assert "Path=/a/lab;" in signed_in.headers["set-cookie"]
        assert (await client.get("/a/lab/auth/me")).json()["name"] == "Ann"
        invite = (await client.post("/a/lab/api/invites", json={})).json()
        assert invite["url"] == f"{lab.url}/a/lab/invite/{invite['token']}"
        opened = await client.get(httpx.URL(invite["url"]).path)
        assert opened.headers["location"] == f"/a/lab/?invite={invite['token']}"
        signed_out = await client.post("/a/lab/auth/logout")
        assert "Path=/a/lab;" in signed_out.headers["set-cookie"]
        assert "tenure_login" not in client.cookies


async def test_every_route_answers_the_same_with_and_without_the_path(lab: Served) -> None:
    differences = []
    for route in ROUTES:
        below = Route(route.method, f"/a/lab{route.path}")
        if (one := await status(lab, route)) != (other := await status(lab, below)):
            differences.append((str(route), one, other))
    assert differences == []


async def test_a_socket_opens_below_the_path(lab: Served) -> None:
    cookie = await sign_in(lab, "/a/lab")
    assert await status(lab, Route(SOCKET, "/a/lab/api/v1/events"), cookie=cookie, origin=lab.url) == 101
    assert await status(lab, Route(SOCKET, "/a/labs/api/v1/events"), cookie=cookie) == 404


async def test_errors_below_the_path_have_the_shape_of_their_contract(lab: Served) -> None:
    async with browser(lab) as client:
        assert set((await client.get("/a/lab/api/sessions")).json()) == {"error", "message"}
        assert list((await client.get("/a/lab/vm/1/files")).json()["error"]) == ["code", "message"]
        assert (await client.post("/a/lab/api/v1/workspaces", content=b" " * 2_000_000)).status_code == 413


@pytest.mark.parametrize(
    ("raw_path", "inner"),
    [
        ("/a/lab/x", "/x"),
        ("/a/lab/", "/"),
        ("/a/lab/vm/1/files/b%2Fc", "/vm/1/files/b%2Fc"),
        ("/x", "/x"),
        ("/a/labs", "/a/labs"),
        ("/a%2Flab/x", "/a%2Flab/x"),
    ],
)
async def test_only_the_path_itself_is_taken_off(raw_path: str, inner: str) -> None:
    scopes = []

    async def app(scope: object, receive: object, send: object) -> None:
        scopes.append(scope)

    raw = raw_path.encode()
    scope = {"type": "http", "path": httpx.URL(f"http://h{raw_path}").path, "raw_path": raw}
    await BelowPath(app, "/a/lab")(scope, None, None)  # type: ignore[arg-type]
    (result,) = scopes
    assert (result["raw_path"], result["root_path"]) == (inner.encode(), "/a/lab")  # type: ignore[index]


@pytest.mark.parametrize("path", ["/api", "/auth/x", "/vm", "/docs"])
def test_a_path_that_is_one_of_tenures_own_is_refused_at_the_start(path: str) -> None:
    with pytest.raises(CannotStart, match="Choose another path"):
        check_path(Settings(public_url=f"https://example.org{path}"))


@pytest.mark.parametrize("url", ["https://a.example/x?y", "https://a.example/x#y", "https://u:p@a.example", "ftp://a"])
def test_a_public_url_is_a_host_and_a_plain_path(url: str) -> None:
    with pytest.raises(BadSetting, match="--public-url must be a URL such as"):
        load_settings({"public_url": url})
    check_path(Settings(public_url="https://example.org/tenure"))
