"""A Tenure with its own tmux, five people who are signed in, and the WebSockets of CHROTE."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.contracts.chrote.people import invited, member
from tests.support.server import WAIT_TIMEOUT_S, Served, eventually, served
from tests.support.tmux import Tmux


class Place:
    """A running Tenure: Olga is the owner, Adam an admin, Otto and Oskar are operators, Vera is a viewer."""

    def __init__(self, tenure: Served, tmux: Tmux, people: dict[str, httpx.AsyncClient]) -> None:
        self.tenure, self.tmux, self.people = tenure, tmux, people
        self.ids: dict[str, str] = {}

    def __getattr__(self, name: str) -> httpx.AsyncClient:
        return self.people[name]

    async def session(self, name: str = "main", *program: str) -> None:
        """Start a tmux session and wait until the API lists it."""
        self.tmux.session(name, *program)
        await self.until_listed(name)

    async def until_listed(self, *names: str) -> None:
        async def all_listed() -> bool:
            return set(names) <= {session["id"] for session in await self.listed()}

        await eventually(all_listed)

    async def until_gone(self, name: str) -> None:
        async def is_gone() -> bool:
            return name not in {session["id"] for session in await self.listed()}

        await eventually(is_gone)

    async def listed(self) -> list[dict[str, Any]]:
        answer = await self.people["olga"].get("/api/sessions")
        assert answer.status_code == 200, answer.text
        sessions: list[dict[str, Any]] = answer.json()["sessions"]
        return sessions

    @asynccontextmanager
    async def socket(self, user: str | None, path: str = "/ws", **headers: str) -> AsyncIterator[Socket]:
        async with socket(self.tenure.url, self.people[user] if user else None, path, **headers) as connection:
            yield connection


@asynccontextmanager
async def socket(
    url: str, client: httpx.AsyncClient | None, path: str = "/ws", **headers: str
) -> AsyncIterator[Socket]:
    cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in client.cookies.items())} if client else {}
    address = url.replace("http", "ws", 1) + path
    # A client that leaves with a full receive buffer never sees the server's close frame; without a
    # short timeout each such test waits ten seconds for it.
    options: dict[str, Any] = {"max_size": None, "proxy": None, "close_timeout": 1}
    async with connect(address, additional_headers=cookie | headers, **options) as connection:
        yield Socket(connection)


class Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, type: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": type, **fields}))

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            message: dict[str, Any] = json.loads(await self.connection.recv())
            return message

    async def until(self, type: str, **fields: Any) -> dict[str, Any]:
        """Read messages until one has this type and these fields, and return it."""
        while True:
            message = await self.next()
            if message["type"] == type and fields.items() <= message.items():
                return message

    async def error(self, code: str) -> str:
        """Read messages until the next error, check its code, and return its sentence."""
        message = await self.until("error")
        assert message["code"] == code, message
        assert set(message) <= {"type", "code", "message", "details"}
        text: str = message["message"]
        return text

    async def until_shown(self, text: str) -> str:
        """Read output until it contains this text. Returns all output that was read."""
        written = ""
        while text not in written:
            written += (await self.until("output"))["data"]
        return written

    async def closed(self) -> int:
        """Read until the server closes the socket, and return the close code."""
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            while True:
                try:
                    await self.connection.recv()
                except ConnectionClosed as closed:
                    assert closed.rcvd
                    return closed.rcvd.code


ROLES = {"adam": "admin", "otto": "operator", "oskar": "operator", "vera": "viewer"}


@asynccontextmanager
async def opened(database: str, home: Path, tmux: Tmux, **settings: Any) -> AsyncIterator[Place]:
    async with served(database, home, tmux_socket=tmux.socket, **settings) as tenure, AsyncExitStack() as stack:
        olga = await stack.enter_async_context(member(tenure, "Olga"))
        people = {"olga": olga}
        for name, role in ROLES.items():
            token = await invited(olga, role)
            people[name] = await stack.enter_async_context(member(tenure, name.title(), token))
        place = Place(tenure, tmux, people)
        for name, client in people.items():
            place.ids[name] = (await client.get("/auth/me")).json()["id"]
        yield place
