"""HEAD and OPTIONS on every address that takes GET, and answers without chunks to HTTP/1.0 (RFC 9110, RFC 9112)."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest

from tests.support.raw_http import request
from tests.support.server import WAIT_TIMEOUT_S, Served
from tests.support.web_routes import NOBODY, http_routes

pytestmark = [pytest.mark.fault("F52"), pytest.mark.asyncio(loop_scope="module")]
OF_THE_BODY = ("content-type", "content-length", "cache-control", "www-authenticate", "location", "allow")


async def test_head_is_get_without_a_body_everywhere(house: Served) -> None:
    async with house.client("alice") as alice:
        for path in sorted({path for path, methods in http_routes() if "GET" in methods}):
            async with asyncio.timeout(WAIT_TIMEOUT_S):
                head = await alice.head(path)
                async with alice.stream("GET", path) as get:  # some are streams, which do not end
                    pass
            assert (path, head.status_code, head.content) == (path, get.status_code, b"")
            for name in OF_THE_BODY:
                is_counted = name == "content-length" and (
                    path == "/metrics" or "json" in head.headers.get("content-type", "")
                )
                if not is_counted:  # what these answers say changes with time
                    assert head.headers.get(name) == get.headers.get(name), (path, name)


async def test_options_are_the_methods_of_every_address(house: Served) -> None:
    async with house.client(None) as nobody:
        for path, methods in http_routes():
            answer = await nobody.options(path)
            assert answer.status_code == 204, path
            allowed = set(answer.headers["allow"].split(", "))
            assert methods | {"OPTIONS"} <= allowed and ("GET" not in methods or "HEAD" in allowed), path
        assert (await nobody.options("/nothing")).status_code == 404
        answer = await nobody.put(f"/api/v1/workspaces/{NOBODY}", headers={"x-user": "alice"})
        assert answer.status_code == 405 and "HEAD" in answer.headers["allow"]


async def test_the_server_as_a_whole_has_options(house: Served) -> None:
    head, _ = await conversation(house, request("OPTIONS *"), until=b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize("path", ["/health", "/api/v1/events?after=0", "/docs/swagger-ui.css", "/api/v1/audit/events"])
async def test_http_1_0_gets_no_chunks(house: Served, path: str) -> None:
    text = request(f"GET {path}").replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    head, body = await conversation(house, text, until=b"event: ready" if "events?" in path else None)
    assert head.startswith(b"HTTP/1.1 200") and b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert not re.match(rb"[0-9a-f]+\r\n", body), "a chunk begins with its length"


async def conversation(house: Served, data: bytes, until: bytes | None = None) -> tuple[bytes, bytes]:
    """The head and the body of the answer: up to these bytes, or to the end of the connection."""
    address = httpx.URL(house.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            writer.write(data)
            text = await (reader.readuntil(until) if until else reader.read())
    finally:
        writer.close()
    head, _, body = text.partition(b"\r\n\r\n")
    return head, body
