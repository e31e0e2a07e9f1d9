"""Shared terminals, as clients have them: a Tenure on a tmux of its own, people, and their sockets."""

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
    """Olga owns it, Adam is admin, Otto and Oskar are operators, Vera is a viewer."""

    def __init__(self, tenure: Served, tmux: Tmux, people: dict[str, httpx.AsyncClient]) -> None:
        self.tenure, self.tmux, self.people = tenure, tmux, people
        self.ids: dict[str, str] = {}

    def __getattr__(self, name: str) -> httpx.AsyncClient:
        return self.people[name]

    async def session(self, name: str = "main", *program: str) -> None:
        """A new one, once it is in the list."""
        self.tmux.session(name, *program)
        await self.until_listed(name)

    async def until_listed(self, *names: str) -> None:
        async def so() -> bool:
            return set(names) <= {it["id"] for it in await self.listed()}

        await eventually(so)

    async def until_gone(self, name: str) -> None:
        async def so() -> bool:
            return name not in {it["id"] for it in await self.listed()}

        await eventually(so)

    async def listed(self) -> list[dict[str, Any]]:
        answer = await self.people["olga"].get("/api/sessions")
        assert answer.status_code == 200, answer.text
        shown: list[dict[str, Any]] = answer.json()["sessions"]
        return shown

    @asynccontextmanager
    async def socket(self, who: str | None, path: str = "/ws", **headers: str) -> AsyncIterator[Socket]:
        async with socket(self.tenure.url, self.people[who] if who else None, path, **headers) as it:
            yield it


@asynccontextmanager
async def socket(
    url: str, client: httpx.AsyncClient | None, path: str = "/ws", **headers: str
) -> AsyncIterator[Socket]:
    cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in client.cookies.items())} if client else {}
    address = url.replace("http", "ws", 1) + path
    # Who leaves with more unread than fits does not hear that the other end closes, and waits for that in vain.
    how: dict[str, Any] = {"max_size": None, "proxy": None, "close_timeout": 1}
    async with connect(address, additional_headers=cookie | headers, **how) as connection:
        yield Socket(connection)


class Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, type: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": type, **fields}))

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            told: dict[str, Any] = json.loads(await self.connection.recv())
            return told

    async def until(self, type: str, **fields: Any) -> dict[str, Any]:
        """Read on to a message of this type that has these fields."""
        while True:
            told = await self.next()
            if told["type"] == type and fields.items() <= told.items():
                return told

    async def error(self, code: str) -> str:
        """Read on to the next error, which has to have this code. Returns what it says."""
        told = await self.until("error")
        assert told["code"] == code, told
        assert set(told) <= {"type", "code", "message", "details"}
        message: str = told["message"]
        return message

    async def shown(self, text: str) -> str:
        """Read on until this has been written. Returns everything that was."""
        written = ""
        while text not in written:
            written += (await self.until("output"))["data"]
        return written

    async def closed(self) -> int:
        """The code that it is closed with."""
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
