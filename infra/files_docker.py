"""`Files` of containers, by a program that the engine runs inside, as the workspace's own user.

The engine's archive API is twice as fast, and of no use alone: it follows links to anywhere in the container, and
only the kernel can keep a walk from being led astray while it is under way. So the walk has to happen inside. Perl
is there in every Debian, starts in 3 ms, and has what it takes: see `confined.pl`, which is sent along each time.

Much data goes over a connection to a port that the program opens for it, where the container's address can be reached
from here. For 200 MB on two idle cores: `docker cp` takes 0.5 s in and 0.7 s out, an exec's pipes 0.8 s and 0.9 s
before anybody has looked at the bytes, the connection 0.2 s and 0.1 s.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import resources
from uuid import UUID

from application.files import FileSeen
from application.ports import Unavailable
from infra.docker_containers import name_of
from infra.docker_execs import DockerExecs, ExecPipe, ExecRefused
from infra.files_refused import refused
from infra.shortcut import Shortcut, connected
from infra.tmux_docker import NO_SUCH_USER, USER

PROGRAM = resources.files("infra").joinpath("confined.pl").read_text()
ROOT = "/workspace"
PIECE = 1 << 18
MANY = 1 << 20  # bytes for which another way is worth asking for; `confined.pl` knows it as well
LINE = 400  # bytes of a status line, at most
LATEST = 253402300799  # the last second that a date can say


@dataclass
class Running:
    """The program at work: what it says, first of all whether it can be done. `address` is the container's."""

    pipe: ExecPipe
    address: Callable[[], Awaitable[str | None]]
    rest: bytes = b""
    shortcut: Shortcut | None = None
    asked: bool = False
    taken: int = 0

    async def line(self) -> str:
        """Raises what a refusal means."""
        while b"\n" not in self.rest[:LINE]:
            more = await self.pipe.read(PIECE)
            if not more or len(self.rest) > LINE:
                raise Unavailable("workspace", "the workspace's files cannot be had: no Perl answers in there")
            self.rest += more
        said, _, self.rest = self.rest.partition(b"\n")
        word, _, words = said.decode(errors="replace").partition(" ")
        if word == "no":
            raise refused(words)
        if word not in ("ok", "port", "done"):
            raise Unavailable("workspace", "the workspace's files cannot be had: no Perl answers in there")
        return words

    async def take(self, piece: bytes) -> None:
        """Have it written; an empty piece ends that. Raises what a refusal means, as on a full disk."""
        try:
            self.taken += len(piece)
            if self.taken > MANY and not self.asked:
                await self.pipe.write(struct.pack(">l", -1))
                await self.choose()
            await (self.shortcut or self.pipe).write(struct.pack(">L", len(piece)) + piece)
        except OSError as gone:
            await self.line()
            raise Unavailable("workspace", "the workspace has gone while the file was written") from gone

    async def choose(self) -> None:
        """Say which way many bytes go."""
        self.asked = True
        port = int(await self.line())
        word = secrets.token_hex(16).encode()
        if address := await self.address():
            self.shortcut = await connected(address, port, word)
        try:
            await self.pipe.write(word if self.shortcut else b"pipe".ljust(32))
        except OSError as gone:
            raise Unavailable("workspace", "the workspace has gone meanwhile") from gone

    async def read(self) -> bytes:
        """Empty: that was all."""
        if self.shortcut:
            return await self.shortcut.read(PIECE)
        if self.rest:
            data, self.rest = self.rest, b""
            return data
        return await self.pipe.read(PIECE)

    async def close(self) -> None:
        if self.shortcut:
            self.shortcut.close()
        await self.pipe.close()


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
    """`address` is where a container is reached from here, if it is."""

    def __init__(self, execs: DockerExecs, address: Callable[[UUID], Awaitable[str | None]]) -> None:
        self._execs, self._address = execs, address

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
            async for piece in pieces:
                if piece:
                    await running.take(piece)
            await running.take(b"")
            await running.line()

    async def delete(self, workspace_id: UUID, path: str) -> None:
        async with self._running(workspace_id, "delete", path) as running:
            await running.line()

    @asynccontextmanager
    async def _running(self, workspace_id: UUID, operation: str, path: str) -> AsyncIterator[Running]:
        command = ["/usr/bin/perl", "-e", PROGRAM, operation, ROOT, path]
        try:
            try:
                _, pipe = await self._execs.start(name_of(workspace_id), USER, command)
            except ExecRefused as no:
                if NO_SUCH_USER not in str(no):
                    raise
                _, pipe = await self._execs.start(name_of(workspace_id), "", command)  # somebody else's image
        except ExecRefused as no:
            raise Unavailable("workspace", "the workspace does not answer") from no
        running = Running(pipe, partial(self._address, workspace_id))
        try:
            yield running
        finally:
            await running.close()  # what has not been committed by then is taken back


def seen(entry: bytes) -> FileSeen:
    kind, size, modified, name = entry.split(b" ", 3)
    at = datetime.fromtimestamp(max(0, min(int(modified), LATEST)), UTC)
    return FileSeen(name.decode(errors="replace"), kind == b"d", int(size), at)
