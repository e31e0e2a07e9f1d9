"""A TCP port that forwards to a Unix socket, and can be closed or go silent: an outage of an engine or database."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path


class Relay:
    def __init__(self, socket: Path) -> None:
        self.socket, self.port = socket, 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._sounding = asyncio.Event()  # of the connections that are opened from now on
        self._sounding.set()

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

    def silence(self) -> None:
        """Pass nothing on any more on the connections that are open, without closing them. New ones work."""
        self._sounding.clear()
        self._sounding = asyncio.Event()
        self._sounding.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        engine_reader, engine_writer = await asyncio.open_unix_connection(self.socket)
        self._open |= {writer, engine_writer}
        try:
            with suppress(asyncio.CancelledError):  # the loop ends; whoever made this task cannot bear it
                sounding = self._sounding
                await asyncio.gather(copy(reader, engine_writer, sounding), copy(engine_reader, writer, sounding))
        finally:
            self._open -= {writer, engine_writer}
            for end in (writer, engine_writer):
                end.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sounding: asyncio.Event) -> None:
    with suppress(ConnectionError):
        while part := await reader.read(65_536):
            await sounding.wait()
            writer.write(part)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
