"""Programs of ours that the engine runs inside a container, as the workspace's own user, and what they say.

They are Perl: it is there in every Debian, starts in 3 ms, and is sent along each time, so that images need nothing.

Much data goes over a connection to a port that the program opens for it, where the container's address can be reached
from here. For 200 MB on two busy cores, in one run: `docker cp` 1.3 s in and 2.1 s out, an exec's pipes 1.6 s and
2.2 s, before anybody has looked at the bytes; the connection 0.5 s and 0.4 s.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import resources
from uuid import UUID

from application.ports.errors import Unavailable
from infra.docker.containers import name_of
from infra.docker.execs import DockerExecs, ExecPipe, ExecRefused
from infra.docker.side_channel import Shortcut, connected
from infra.docker.tmux import NO_SUCH_USER, USER

PIECE = 1 << 18
LINE = 400  # bytes of a status line, at most
NO_PERL = "nothing answers in the workspace: there is no Perl in there"


def program(name: str) -> str:
    """Its text, with what they have in common."""
    folder = resources.files("infra.docker")
    return folder.joinpath("inside.pl").read_text() + folder.joinpath(name).read_text()


@dataclass
class Running:
    """A program at work. `address` is the container's; `refused` is what its "no" means."""

    pipe: ExecPipe
    address: Callable[[], Awaitable[str | None]]
    refused: Callable[[str], Exception]
    rest: bytes = b""
    shortcut: Shortcut | None = None
    asked: bool = False  # which way many bytes go

    async def line(self) -> str:
        """What it says of how things are, without the first word. Raises what a refusal means."""
        while b"\n" not in self.rest[:LINE]:
            more = await self.pipe.read(PIECE)
            if not more or len(self.rest) > LINE:
                raise Unavailable("workspace", NO_PERL)
            self.rest += more
        said, _, self.rest = self.rest.partition(b"\n")
        word, _, words = said.decode(errors="replace").partition(" ")
        if word == "no":
            raise self.refused(words)
        if word not in ("ok", "port", "done"):
            raise Unavailable("workspace", NO_PERL)
        return words

    async def choose(self) -> None:
        """Say which way many bytes go, when it has asked."""
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

    async def write(self, data: bytes) -> None:
        """`OSError` if it takes nothing any more."""
        await (self.shortcut or self.pipe).write(data)

    async def close(self) -> None:
        if self.shortcut:
            self.shortcut.close()
        await self.pipe.close()


class Programs:
    """`address` is where a container is reached from here, if it is."""

    def __init__(self, execs: DockerExecs, address: Callable[[UUID], Awaitable[str | None]]) -> None:
        self._execs, self._address = execs, address

    @asynccontextmanager
    async def running(
        self, workspace_id: UUID, command: list[str], refused: Callable[[str], Exception]
    ) -> AsyncIterator[Running]:
        """`Unavailable` while the container does not run."""
        try:
            try:
                _, pipe = await self._execs.start(name_of(workspace_id), USER, command)
            except ExecRefused as no:
                if NO_SUCH_USER not in str(no):
                    raise
                _, pipe = await self._execs.start(name_of(workspace_id), "", command)  # somebody else's image
        except ExecRefused as no:
            raise Unavailable("workspace", "the workspace does not answer") from no
        running = Running(pipe, partial(self._address, workspace_id), refused)
        try:
            yield running
        finally:
            await running.close()
