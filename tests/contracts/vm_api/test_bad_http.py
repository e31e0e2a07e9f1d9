"""Malformed HTTP gets an error in the contract's shape, or at least affects no other client (V03, V34)."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from infra.process.http_protocol import MAX_HEAD_BYTES
from tests.contracts.asking import WORKSPACES, fine, refused
from tests.support import raw_http as raw
from tests.support.raw_http import request
from tests.support.server import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")
POST = f"POST {WORKSPACES}"


@pytest.mark.line("V34")
async def test_a_body_that_is_promised_to_be_too_large_is_not_waited_for(house: Served) -> None:
    head = request(f"POST {WORKSPACES}", "Content-Type: application/json", "Content-Length: 50000000")
    refused(await raw.send(house.url, head), 413)


async def test_a_body_that_is_never_finished_harms_nobody(house: Served, anna: httpx.AsyncClient) -> None:
    address = httpx.URL(house.url)
    half = request(POST, "Content-Type: application/json", "Content-Length: 100", body=b"{")
    for _ in range(20):
        _, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(half)
        await writer.drain()
        writer.close()
    fine(await anna.get(WORKSPACES))


@pytest.mark.parametrize("id", ["", "a b", "<script>", "a" * 129, "\xff", "a;b"])
async def test_a_request_id_that_is_none_is_replaced(house: Served, id: str) -> None:
    headers = [(b"x-user", b"anna"), (b"x-request-id", id.encode("latin-1"))]
    async with httpx.AsyncClient(base_url=house.url, headers=headers) as client:
        answer = await client.get(WORKSPACES)
    fine(answer)
    assert answer.headers["x-request-id"].isalnum() and len(answer.headers["x-request-id"]) == 32


NO_HTTP = {
    "a length that is no number": request(POST, "Content-Length: abc"),
    "a negative length": request(POST, "Content-Length: -1"),
    "a signed length": request(POST, "Content-Length: +1", body=b"1"),
    "a length in hexadecimal": request(POST, "Content-Length: 0x1", body=b"1"),
    "a length that no number holds": request(POST, "Content-Length: " + "9" * 30),
    "two lengths": request(POST, "Content-Length: 1", "Content-Length: 2", body=b"12"),
    "a list of lengths": request(POST, "Content-Length: 1, 1", body=b"1"),
    "a length and chunks": request(POST, "Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "an unknown coding": request(POST, "Transfer-Encoding: gzipped", body=b"0\r\n\r\n"),
    "a chunk without a length": request(POST, "Transfer-Encoding: chunked", body=b"zz\r\n\r\n"),
    "a NUL in the path": request("GET /api/v1/\x00"),
    "a NUL in the query": request(f"GET {WORKSPACES}?a=\x00"),
    "a NUL in a header": request(f"GET {WORKSPACES}", "x-odd: a\x00b"),
    "a NUL in a header's name": request(f"GET {WORKSPACES}", "x-\x00odd: a"),
    "a space in a header's name": request(f"GET {WORKSPACES}", "x odd: a"),
    "bytes in the path": request("GET /api/v1/\xff"),
    "bytes in the query": request(f"GET {WORKSPACES}?a=\xff"),
    "an unknown method": request(f"BREW {WORKSPACES}"),
    "no path": b"GET HTTP/1.1\r\n\r\n",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a later version": b"GET / HTTP/3.7\r\n\r\n",
}


@pytest.mark.line("V34")
@pytest.mark.parametrize("data", NO_HTTP.values(), ids=NO_HTTP.keys())
async def test_what_is_no_http(house: Served, data: bytes) -> None:
    refused(await raw.send(house.url, data), 400, "HTTP")


@pytest.mark.line("V34")
@pytest.mark.parametrize(
    "start", [b"GET /", request("GET /", "x-odd: ")[:-4], request("GET /")[:-2]], ids=["address", "header", "headers"]
)
async def test_headers_without_an_end(house: Served, start: bytes) -> None:
    filling = b"a" if start[-1:] != b"\n" else b"x-odd: a\r\n"
    head = (start + filling * MAX_HEAD_BYTES)[: MAX_HEAD_BYTES + 1]
    refused(await raw.send(house.url, head), 431)


@pytest.mark.line("V03", "V34")
@pytest.mark.parametrize("headers", [["x-user:"], ["x-user:  \t"], ["x-user: a", "x-user: b"]])
async def test_headers_that_name_nobody(house: Served, headers: list[str]) -> None:
    refused(await raw.send(house.url, request(f"GET {WORKSPACES}", *headers)), 401, "x-user")


@pytest.mark.line("V34")
@pytest.mark.parametrize("target", ["*", "//evil.example/x", "/..", "/%2e%2e/etc/passwd", "/api/v1/workspaces%00"])
async def test_a_target_at_which_there_is_nothing(house: Served, target: str) -> None:
    refused(await raw.send(house.url, request(f"GET {target}")), 404)
