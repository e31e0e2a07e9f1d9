"""`Files` of containers, by a program that the engine runs inside as the workspace's own user.

The engine's archive API cannot be used: it follows links to anywhere in the container, and only a walk that runs inside
can hold its directories open while links are moved. `rooted_fs.pl` is that walk.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from application.ports.errors import Unavailable
from application.ports.files import FileEntry
from infra.docker.programs import ContainerProcess, ContainerPrograms, program_text
from infra.local.file_refusals import refusal

PROGRAM = program_text("rooted_fs.pl")
ROOT = "/workspace"
LARGE_BYTES = 1 << 20  # from here on a side channel pays; rooted_fs.pl has the same number
MAX_TIMESTAMP_S = 253402300799  # the end of the year 9999, the last that `datetime` can hold


@dataclass(frozen=True)
class OpenFile:
    """`Contents` of a file that a program inside reads."""

    process: ContainerProcess
    is_text: bool
    size: int  # bytes

    async def pieces(self) -> AsyncIterator[bytes]:
        left = self.size
        if left > LARGE_BYTES:
            await self.process.choose_channel()
        while left > 0:
            piece = (await self.process.read())[:left]
            if not piece:
                raise Unavailable("workspace", "the file was cut short while it was read")
            left -= len(piece)
            yield piece


class DockerFiles:
    """`Files` of the containers of one engine."""

    def __init__(self, programs: ContainerPrograms) -> None:
        self._programs = programs

    async def list(self, workspace_id: UUID, path: str) -> list[FileEntry]:
        async with self._run(workspace_id, "list", path) as process:
            await process.read_status()
            listing = bytearray()
            while data := await process.read():
                listing += data
        return [parse_entry(entry) for entry in bytes(listing).split(b"\0")[:-1]]

    @asynccontextmanager
    async def open(self, workspace_id: UUID, path: str) -> AsyncIterator[OpenFile]:
        async with self._run(workspace_id, "read", path) as process:
            kind, size = (await process.read_status()).split()
            yield OpenFile(process, kind == "text", int(size))

    async def write(self, workspace_id: UUID, path: str, pieces: AsyncIterator[bytes]) -> None:
        async with self._run(workspace_id, "write", path) as process:
            await process.read_status()
            size = 0
            async for piece in pieces:
                size += len(piece)
                if size > LARGE_BYTES and not process.has_chosen:
                    await process.write(struct.pack(">l", -1))
                    await process.choose_channel()
                if piece:
                    await write_piece(process, piece)
            await write_piece(process, b"")
            await process.read_status()

    async def delete(self, workspace_id: UUID, path: str) -> None:
        async with self._run(workspace_id, "delete", path) as process:
            await process.read_status()

    def _run(self, workspace_id: UUID, operation: str, path: str) -> AbstractAsyncContextManager[ContainerProcess]:
        """The program for one operation. Leaving the block before it is done undoes what it has begun."""
        command = ["/usr/bin/perl", "-e", PROGRAM, operation, ROOT, path]
        return self._programs.run(workspace_id, command, refusal)


async def write_piece(process: ContainerProcess, piece: bytes) -> None:
    """Send one piece behind its length; an empty piece ends the file. Raises the refusal, as on a full disk."""
    try:
        await process.write(struct.pack(">L", len(piece)) + piece)
    except OSError as error:
        await process.read_status()  # a program that has refused says why, and then takes nothing
        raise Unavailable("workspace", "the workspace has gone while the file was written") from error


def parse_entry(entry: bytes) -> FileEntry:
    """One entry of a listing: `KIND SIZE MODIFIED NAME`, as `rooted_fs.pl` writes it."""
    kind, size, modified, name = entry.split(b" ", 3)
    modified_at = datetime.fromtimestamp(max(0, min(int(modified), MAX_TIMESTAMP_S)), UTC)
    return FileEntry(name.decode(errors="replace"), kind == b"d", int(size), modified_at)
