"""Every answer says what browsers may do with it, and no page loads anything from elsewhere."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from websockets import InvalidStatus, connect

from tests.support import raw_http
from tests.support.chromium import page
from tests.support.server import WAIT_TIMEOUT_S, Served, eventually, served
from tests.support.web_routes import filled, http_routes, websocket_paths

pytestmark = [pytest.mark.fault("F25"), pytest.mark.asyncio(loop_scope="module")]
PAGES = {
    "/": "'none'",
    "/docs": "'none'",
    "/api/v0/console/lab": "'none'",
}
STRANGE = ("/nothing", "/api/v1/nothing", "/vm/1/files/../x", "/api/v0/nothing", "/openapi.json")


def require_headers(place: str, headers: httpx.Headers) -> None:
    """Fail unless the headers that every answer has are there."""
    policy = headers.get("content-security-policy", "")
    assert headers.get("x-content-type-options") == "nosniff", place
    assert headers.get("referrer-policy") == "no-referrer", place
    assert "default-src 'none'" in policy and "frame-ancestors" in policy, place
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy, place


async def test_every_answer_of_every_route_has_the_headers(house: Served) -> None:
    async with house.client("alice") as alice, house.client(None) as nobody:
        places = [(method, path) for path, methods in http_routes() for method in methods]
        places += [(method, path) for path in STRANGE for method in ("GET", "HEAD", "OPTIONS", "POST", "BREW")]
        for client in (alice, nobody):
            for method, path in places:
                async with asyncio.timeout(WAIT_TIMEOUT_S), client.stream(method, path) as answer:
                    require_headers(f"{method} {path} {answer.status_code}", answer.headers)


async def test_so_have_errors_that_no_route_answers(house: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (b"NO HTTP\r\n\r\n", raw_http.request("GET /", "x-long: " + "a" * 80_000)):
        answer = await raw_http.send(house.url, data)
        require_headers(str(answer.status_code), answer.headers)

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(house.tenure.deps.native.__dict__, "update_gauges", broken)
    async with house.client() as alice:
        answer = await alice.get("/metrics")
    assert answer.status_code == 500
    require_headers("500", answer.headers)


async def test_so_have_refusals_of_sockets(house: Served) -> None:
    for path in websocket_paths():
        try:
            async with connect(f"{house.url.replace('http', 'ws')}{filled(path)}", proxy=None):
                pass  # CHROTE's close after the handshake
        except InvalidStatus as refusal:
            require_headers(path, httpx.Headers(list(refusal.response.headers.raw_items())))
    half = raw_http.request("GET /ws", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    answer = await raw_http.send(house.url, half)
    assert answer.status_code == 400
    require_headers("a handshake without a key", answer.headers)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_only_from_here_and_runs_only_its_own_script(house: Served, path: str) -> None:
    async with house.client(None) as nobody:
        first, second = await nobody.get(path), await nobody.get(path)
    policy = first.headers["content-security-policy"]
    (nonce,) = set(re.findall(r"'nonce-([^']+)'", policy))
    assert policy != second.headers["content-security-policy"], "a nonce counts once"
    assert f"frame-ancestors {PAGES[path]}" in policy
    assert "{{" not in first.text and not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", first.text)
    for tag in re.findall(r"<(?:script|style)[^>]*>", first.text):
        assert "src=" in tag or f'nonce="{nonce}"' in tag


async def test_the_pages_of_the_api_need_no_other_host(house: Served, tmp_path: Path) -> None:
    async with page(f"{house.url}/docs", tmp_path) as browser:

        async def is_shown() -> bool:
            # Swagger UI draws the operations that are in sight only.
            return bool(await browser.run("document.querySelectorAll('.opblock').length > 5"))

        await eventually(is_shown)
        loaded = await browser.run("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert any(name.endswith("/openapi.json") for name in loaded)
    assert all(name.startswith((house.url, "data:")) for name in loaded)


async def test_encrypted_places_say_that_they_stay_so(database: str, tmp_path: Path, house: Served) -> None:
    async with served(database, tmp_path, public_url="https://lab.example.org") as tenure, tenure.client() as alice:
        for path in ("/health", "/nothing"):
            answer = await alice.get(path)
            assert answer.headers["strict-transport-security"].startswith("max-age=")
    async with house.client() as alice:
        assert "strict-transport-security" not in (await alice.get("/health")).headers
