"""Silent and half-sent connections end at a deadline, and disturb nobody who sends whole requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets import ConnectionClosedError, connect

from infra.process import server
from tests.contracts.asking import WORKSPACES, fine
from tests.support.raw_http import read, request
from tests.support.server import WAIT_TIMEOUT_S, Served, eventually, served

pytestmark = pytest.mark.fault("F22")
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
NEAR_S = 0.3  # a deadline that a test waits for
JSON = "Content-Type: application/json"
HALVES = {
    "silent": b"",
    "half a line": b"GET /hea",
    "half a head": b"GET /health HTTP/1.1\r\nHost: localhost\r\nx-a: b",
    "half a handshake": b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgr",
}


@asynccontextmanager
async def connected(tenure: Served, data: bytes = b"") -> AsyncIterator[Connection]:
    address = httpx.URL(tenure.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(data)
        await writer.drain()
        yield reader, writer
    finally:
        writer.close()


async def answer_to(connection: Connection) -> int:
    """The status that the server sends; 0 if it hangs up without one."""
    try:
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            return (await read(connection[0])).status_code
    except asyncio.IncompleteReadError as error:
        assert error.partial == b""
        return 0


@pytest.mark.parametrize(("data", "status"), list(zip(HALVES.values(), (0, 408, 408, 408), strict=True)), ids=HALVES)
async def test_a_head_that_does_not_come_ends_the_connection(
    database: str, tmp_path: Path, data: bytes, status: int
) -> None:
    async with served(database, tmp_path, head_seconds=NEAR_S) as tenure, connected(tenure, data) as connection:
        assert await answer_to(connection) == status


async def test_the_second_request_of_a_connection_has_the_same_deadline(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, head_seconds=NEAR_S) as tenure,
        connected(tenure, request("GET /health")) as connection,
    ):
        assert await answer_to(connection) == 200
        connection[1].write(b"GET /hea")
        assert await answer_to(connection) == 408


async def test_a_body_that_stalls_ends_the_connection(database: str, tmp_path: Path) -> None:
    half = request(f"POST {WORKSPACES}", JSON, "Content-Length: 100", body=b'{"name": ')
    async with served(database, tmp_path, stall_seconds=NEAR_S) as tenure, connected(tenure, half) as connection:
        assert await answer_to(connection) == 408


async def test_a_body_that_trickles_ends_the_connection(database: str, tmp_path: Path) -> None:
    """A byte now and then is less than a body must bring, however long it goes on."""
    half = request(f"POST {WORKSPACES}", JSON, "Content-Length: 1000000", body=b'{"name": "')
    async with served(database, tmp_path, stall_seconds=NEAR_S) as tenure, connected(tenure, half) as connection:

        async def trickle() -> None:
            while True:
                connection[1].write(b"a")
                await asyncio.sleep(NEAR_S / 10)

        trickling = asyncio.create_task(trickle())
        try:
            assert await answer_to(connection) == 408
        finally:
            trickling.cancel()


async def test_a_slow_body_that_goes_on_is_taken(database: str, tmp_path: Path) -> None:
    """It takes several times the deadline in all."""
    body = b'{"name": "' + b" " * 8_000 + b'"}'
    pieces = [body[start : start + 1_000] for start in range(0, len(body), 1_000)]

    async def slow() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece
            await asyncio.sleep(NEAR_S / 2)

    async with served(database, tmp_path, stall_seconds=NEAR_S) as tenure, tenure.client() as client:
        answer = await client.post(WORKSPACES, content=slow(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 400 and "name" in answer.text, "it was read to its end"


async def test_who_takes_nothing_of_an_answer_is_disconnected(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, stall_seconds=NEAR_S) as tenure,
        connected(tenure, request("GET /docs/swagger-ui-bundle.js") * 20) as (reader, writer),
    ):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        connections = tenure.web.server_state.connections

        async def has_ended() -> bool:
            return not connections

        assert connections
        await eventually(has_ended)


async def test_three_hundred_silent_ones_are_not_noticed_by_a_hundred_honest_clients(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server holds fewer than there are: whoever waits without a request makes place for who has one."""
    monkeypatch.setattr(server, "max_connections", lambda: 250)
    async with served(database, tmp_path) as tenure, AsyncExitStack() as stack:
        for number in range(300):
            half = list(HALVES.values())[number % len(HALVES)]
            await stack.enter_async_context(connected(tenure, half))

        async def honest(number: int) -> None:
            async with tenure.client(f"user-{number}") as client:
                for _ in range(3):
                    fine(await client.get(WORKSPACES))

        async with asyncio.timeout(WAIT_TIMEOUT_S * 3), asyncio.TaskGroup() as tasks:
            for number in range(100):
                tasks.create_task(honest(number))


async def test_a_server_that_is_full_says_so(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "max_connections", lambda: 2)
    stream = request("GET /api/v1/events")
    async with served(database, tmp_path) as tenure, connected(tenure, stream) as one, connected(tenure, stream) as two:
        for reader, _ in (one, two):
            assert (await reader.readuntil(b"\r\n")).endswith(b"200 OK\r\n")
        async with tenure.client() as client:
            refusal = await client.get("/health")
        assert refusal.status_code == 503 and "connections" in refusal.json()["error"]
        assert int(refusal.headers["retry-after"]) > 0


@pytest.mark.parametrize("pieces", [1, 5])
async def test_a_message_of_a_socket_is_bounded_as_a_body_is(database: str, tmp_path: Path, pieces: int) -> None:
    settings: dict[str, Any] = {"max_message_bytes": 10_000}
    async with served(database, tmp_path, **settings) as tenure:
        url = f"{tenure.url.replace('http', 'ws')}/api/v1/events"
        async with connect(url, additional_headers={"x-user": "alice"}, proxy=None) as socket:
            await socket.send(["a" * 9_000])
            await socket.send(["a" * (10_005 // pieces)] * pieces)
            with pytest.raises(ConnectionClosedError) as closed:
                async with asyncio.timeout(WAIT_TIMEOUT_S):
                    while True:
                        await socket.recv()
            assert closed.value.rcvd and closed.value.rcvd.code == 1009


async def test_a_handshake_with_a_longer_line_than_the_library_takes_is_refused(tenure: Served) -> None:
    upgrade = ("Host: localhost", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    data = request("GET /api/v1/events", *upgrade, f"x-long: {'x' * 10_000}")
    async with connected(tenure, data) as connection:
        assert await answer_to(connection) == 431
