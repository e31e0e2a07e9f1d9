"""A TCP port that forwards to a Unix socket and can be closed: an engine's other address, or an outage of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path


class Relay:
    def __init__(self, socket: Path) -> None:
        self.socket, self.port = socket, 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def up(self) -> None:
        """Answer on a loopback port: the same one each time."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Stop listening, and abort all connections."""
        if self._server:
            self._server.close()
        for writer in set(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        engine_reader, engine_writer = await asyncio.open_unix_connection(self.socket)
        self._open |= {writer, engine_writer}
        try:
            with suppress(asyncio.CancelledError):  # the loop ends; whoever made this task cannot bear it
                await asyncio.gather(copy(reader, engine_writer), copy(engine_reader, writer))
        finally:
            self._open -= {writer, engine_writer}
            for end in (writer, engine_writer):
                end.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
