"""A workshop whose seats have real machines, and clients of a learner's seat."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets import connect
from websockets.asyncio.client import ClientConnection

from tests.contracts.clarateach.teaching import join, running
from tests.support import engines
from tests.support.engines import Engine, opened
from tests.support.server import WAIT_TIMEOUT_S, Served, served


class Seat:
    """A seat that a learner has joined."""

    def __init__(self, room: Classroom, answer: dict[str, Any]) -> None:
        self.room, self.answer, self.number = room, answer, answer["seat"]
        self.token: str = answer["token"]

    @property
    def path(self) -> str:
        return f"/vm/{self.number:02}"

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return httpx.AsyncClient(base_url=self.room.served.url, headers=headers, timeout=60)

    @asynccontextmanager
    async def terminal(self, path: str | None = None) -> AsyncIterator[Tab]:
        address = f"{self.room.served.url.replace('http', 'ws', 1)}{path or self.path}/terminal?token={self.token}"
        async with connect(address, max_size=None, proxy=None, close_timeout=1) as socket:
            yield Tab(socket)


class Tab:
    """A terminal in a browser's tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.output = ""  # all output since the terminal was opened
        self.messages: list[dict[str, Any]] = []

    async def say(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self.socket.recv(decode=True))
        self.messages.append(message)
        if message["type"] == "output":
            self.output += message["data"]
        return message

    async def shows(self, text: str) -> None:
        """Read messages until the output contains this text."""
        await self.until(lambda: text in self.output)

    async def until(self, fact: Any) -> None:
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            while not fact():
                await self.hear()

    async def types(self, text: str) -> None:
        await self.say("input", data=text)


class Classroom:
    def __init__(self, served: Served, engine: Engine, workshop: dict[str, Any]) -> None:
        self.served, self.engine, self.workshop = served, engine, workshop
        self.seats: list[Seat] = []

    async def seat(self, nth: int = 0) -> Seat:
        """The seat of the nth learner, counted from 0. Learners join as needed."""
        async with self.served.client(None) as client:
            while len(self.seats) <= nth:
                self.seats.append(Seat(self, await join(client, self.workshop["code"])))
        return self.seats[nth]


@asynccontextmanager
async def classroom(kind: str, database: str, home: Path, seats: int = 2, **settings: Any) -> AsyncIterator[Classroom]:
    async with opened(kind, home) as engine:
        options = {"workspace_image": engines.IMAGE, "sweep_seconds": 3600, **settings}
        async with served(database, home / "home", engine.machines, **options) as serving:
            async with serving.client(None) as client:
                workshop = await running(client, seats=seats)
            yield Classroom(serving, engine, workshop)
