"""Shares a test's engine in memory with other processes over a socket: all see the same machines."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from application.ports.errors import EngineRefused, Unavailable
from application.ports.machines import Machines
from tests.support.fake_engine import Engine


@asynccontextmanager
async def lent(engine: Engine, socket: Path) -> AsyncIterator[Path]:
    """Serve the engine on this socket until the block is left."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call, args = pickle.loads(await reader.read())
        reply: tuple[str, Any]
        try:
            reply = "answer", await getattr(engine, call)(*args)
        except Unavailable as away:
            reply = "unavailable", str(away)
        except EngineRefused as no:
            reply = "impossible", str(no)
        writer.write(pickle.dumps(reply))
        writer.close()

    server = await asyncio.start_unix_server(answer, socket)
    try:
        yield socket
    finally:
        server.close()


class RemoteEngine:
    """The `Machines` port over such a socket."""

    provider, has_ssh, limitation = "fake", True, None

    def __init__(self, socket: str) -> None:
        self._socket = socket

    def __getattr__(self, call: str) -> Callable[..., Awaitable[Any]]:
        if not hasattr(Machines, call):
            raise AttributeError(call)
        return partial(self._ask, call)

    async def _ask(self, call: str, *args: Any) -> Any:
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket)
            writer.write(pickle.dumps((call, args)))
            writer.write_eof()
            outcome, value = pickle.loads(await reader.read())
            writer.close()
        except (OSError, EOFError) as error:
            raise Unavailable("engine", "the engine does not answer") from error
        if outcome == "unavailable":
            raise Unavailable("engine", value)
        if outcome == "impossible":
            raise EngineRefused(value)
        return value

    def close(self) -> None:
        """Does nothing: each call opens a connection of its own."""
