"""`Files` of containers, by a program that the engine runs inside, as the workspace's own user.

The engine's archive API is of no use for that: it follows links to anywhere in the container, and only the kernel can
keep a walk from being led astray while it is under way. So the walk has to happen inside: see `confined.pl`.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from application.ports.errors import Unavailable
from application.ports.files import FileSeen
from infra.docker.programs import Programs, Running, program
from infra.local.refusals import refused

PROGRAM = program("confined.pl")
ROOT = "/workspace"
MANY = 1 << 20  # bytes for which another way is worth asking for; `confined.pl` knows it as well
LATEST = 253402300799  # the last second that a date can say


@dataclass(frozen=True)
class Opened:
    """`Contents`"""

    running: Running
    is_text: bool
    size: int

    async def pieces(self) -> AsyncIterator[bytes]:
        left = self.size
        if left > MANY:
            await self.running.choose()
        while left > 0:
            piece = (await self.running.read())[:left]
            if not piece:
                raise Unavailable("workspace", "the file was cut short while it was read")
            left -= len(piece)
            yield piece


class DockerFiles:
    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    async def list(self, workspace_id: UUID, path: str) -> list[FileSeen]:
        async with self._running(workspace_id, "list", path) as running:
            await running.line()
            said = bytearray()
            while more := await running.read():
                said += more
        return [seen(entry) for entry in bytes(said).split(b"\0")[:-1]]

    @asynccontextmanager
    async def open(self, workspace_id: UUID, path: str) -> AsyncIterator[Opened]:
        async with self._running(workspace_id, "read", path) as running:
            kind, size = (await running.line()).split()
            yield Opened(running, kind == "text", int(size))

    async def write(self, workspace_id: UUID, path: str, pieces: AsyncIterator[bytes]) -> None:
        async with self._running(workspace_id, "write", path) as running:
            await running.line()
            taken = 0
            async for piece in pieces:
                taken += len(piece)
                if taken > MANY and not running.asked:
                    await running.write(struct.pack(">l", -1))
                    await running.choose()
                if piece:
                    await take(running, piece)
            await take(running, b"")
            await running.line()

    async def delete(self, workspace_id: UUID, path: str) -> None:
        async with self._running(workspace_id, "delete", path) as running:
            await running.line()

    def _running(self, workspace_id: UUID, operation: str, path: str) -> AbstractAsyncContextManager[Running]:
        """Left before it is done, what it has begun is taken back."""
        return self._programs.running(workspace_id, ["/usr/bin/perl", "-e", PROGRAM, operation, ROOT, path], refused)


async def take(running: Running, piece: bytes) -> None:
    """Have it written; an empty piece ends that. Raises what a refusal means, as on a full disk."""
    try:
        await running.write(struct.pack(">L", len(piece)) + piece)
    except OSError as gone:
        await running.line()
        raise Unavailable("workspace", "the workspace has gone while the file was written") from gone


def seen(entry: bytes) -> FileSeen:
    kind, size, modified, name = entry.split(b" ", 3)
    at = datetime.fromtimestamp(max(0, min(int(modified), LATEST)), UTC)
    return FileSeen(name.decode(errors="replace"), kind == b"d", int(size), at)
