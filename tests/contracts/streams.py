"""Every stream and socket of every contract: which there are, and how one is opened and followed to its end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from inspect import isclass
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from interfaces.app import CONTRACTS
from interfaces.http.sse import Stream
from tests.support.server import WAIT_TIMEOUT_S

Ended = asyncio.Task[int | None]  # the close code of a socket; None for a stream


def routes() -> list[tuple[str, Any]]:
    """Every operation of every contract with its route, from the routes themselves: "GET /health", "WS /ws"."""
    all_routes: list[Any] = [route for contract in CONTRACTS for router in contract.routers for route in router.routes]
    return [
        (f"{method} {plain_path(route)}", route)
        for route in all_routes
        for method in sorted(getattr(route, "methods", None) or {"WS"})
    ]


def plain_path(route: Any) -> str:
    """The path of a route, without the kinds of its parameters."""
    return re.sub(r":\w+}", "}", route.path)


def streams() -> set[str]:
    """The operations that stay open: event streams and WebSockets."""
    return {operation for operation, route in routes() if operation.startswith("WS ") or is_stream(route)}


def is_stream(route: Any) -> bool:
    kind = route.response_class
    return isclass(kind) and issubclass(kind, Stream)


@asynccontextmanager
async def opened(
    url: str, method: str, path: str, headers: Mapping[str, str], body: Any = None
) -> AsyncIterator[Ended]:
    """An open stream or socket that has sent something. The task is done when the server has ended it."""
    if method == "WS":
        address = url.replace("http", "ws", 1) + path
        async with connect(address, additional_headers=headers, proxy=None, max_size=None, close_timeout=1) as socket:
            async with asyncio.timeout(WAIT_TIMEOUT_S):
                await socket.recv()

            async def read_socket() -> int | None:
                try:
                    while True:
                        await socket.recv()
                except ConnectionClosed as closed:
                    return closed.rcvd.code if closed.rcvd else None

            async with running(asyncio.create_task(read_socket())) as task:
                yield task
        return
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, timeout=WAIT_TIMEOUT_S) as client,
        client.stream(method, path, json=body) as answer,
    ):
        if answer.status_code != 200:
            raise AssertionError((answer.status_code, await answer.aread()))
        chunks = answer.aiter_bytes()
        await anext(chunks)

        async def read_stream() -> int | None:
            async for _ in chunks:
                pass
            return None

        async with running(asyncio.create_task(read_stream())) as task:
            yield task


@asynccontextmanager
async def running(task: Ended) -> AsyncIterator[Ended]:
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
