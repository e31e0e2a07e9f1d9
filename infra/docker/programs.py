"""Perl programs that the engine runs inside a container as the workspace's own user, and what they report.

Perl is part of every Debian image and starts in 3 ms. The program's text is sent along each time, so that an image
needs no file of Tenure.

Much data goes over a connection to a port that the program opens, where the container's address can be reached from
this host. For 200 MB on two busy cores, in one run: `docker cp` 1.3 s in and 2.1 s out, an exec's pipes 1.6 s and
2.2 s, before the bytes are even checked; the connection 0.5 s and 0.4 s.
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
from infra.docker import side_channel
from infra.docker.containers import name_of
from infra.docker.execs import NO_SUCH_USER, WORKSPACE_USER, DockerExecs, ExecPipe, ExecRefused
from infra.docker.side_channel import SideChannel

READ_BYTES = 1 << 18
MAX_STATUS_BYTES = 400
TOKEN_CHARS = 32  # prelude.pl has the same number
NO_PERL = "nothing answers in the workspace: there is no Perl in there"


def program_text(file_name: str) -> str:
    """A program of this package, behind the prelude that all of them share."""
    folder = resources.files("infra.docker")
    return folder.joinpath("prelude.pl").read_text() + folder.joinpath(file_name).read_text()


@dataclass
class ContainerProcess:
    """A program that runs inside a container.

    `address` finds the container's address; `refusal` makes an exception from the code of an "error" line.
    """

    pipe: ExecPipe
    address: Callable[[], Awaitable[str | None]]
    refusal: Callable[[str], Exception]
    buffer: bytes = b""  # read from the pipe, and not yet used
    side_channel: SideChannel | None = None
    has_chosen: bool = False  # between pipe and side channel

    async def read_status(self) -> str:
        """The next status line without its first word.

        Raises `refusal(code)` for an "error" line, and `Unavailable` if what answers is not the program.
        """
        while b"\n" not in self.buffer[:MAX_STATUS_BYTES]:
            data = await self.pipe.read(READ_BYTES)
            if not data or len(self.buffer) > MAX_STATUS_BYTES:
                raise Unavailable("workspace", NO_PERL)
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        word, _, values = line.decode(errors="replace").partition(" ")
        if word == "error":
            raise self.refusal(values)
        if word not in ("ok", "port", "done"):
            raise Unavailable("workspace", NO_PERL)
        return values

    async def choose_channel(self) -> None:
        """Answer the program's "port" line: with a side channel where one can be had, else with its pipe.

        `Unavailable` if the program has ended.
        """
        self.has_chosen = True
        port = int(await self.read_status())
        token = secrets.token_hex(TOKEN_CHARS // 2).encode()
        if address := await self.address():
            self.side_channel = await side_channel.connect(address, port, token)
        try:
            await self.pipe.write(token if self.side_channel else b"pipe".ljust(TOKEN_CHARS))
        except OSError as error:
            raise Unavailable("workspace", "the workspace has gone meanwhile") from error

    async def read(self) -> bytes:
        """The next bytes of the chosen channel; empty at the end."""
        if self.side_channel:
            return await self.side_channel.read(READ_BYTES)
        if self.buffer:
            data, self.buffer = self.buffer, b""
            return data
        return await self.pipe.read(READ_BYTES)

    async def write(self, data: bytes) -> None:
        """Send all of it. `OSError` if the program has ended, or takes nothing."""
        await (self.side_channel or self.pipe).write(data)

    async def close(self) -> None:
        """Close both channels; the program ends with its input."""
        if self.side_channel:
            self.side_channel.close()
        await self.pipe.close()


class ContainerPrograms:
    """Runs programs inside containers. `address` finds where a container is reached from this host; None: nowhere."""

    def __init__(self, execs: DockerExecs, address: Callable[[UUID], Awaitable[str | None]]) -> None:
        self._execs, self._address = execs, address

    @asynccontextmanager
    async def run(
        self, workspace_id: UUID, command: list[str], refusal: Callable[[str], Exception]
    ) -> AsyncIterator[ContainerProcess]:
        """The program, until the block is left. `Unavailable` while the container does not run."""
        try:
            try:
                _, pipe = await self._execs.start(name_of(workspace_id), WORKSPACE_USER, command)
            except ExecRefused as error:
                if NO_SUCH_USER not in str(error):
                    raise
                # An image that is not ours has no such user: its own default user works there.
                _, pipe = await self._execs.start(name_of(workspace_id), "", command)
        except ExecRefused as error:
            raise Unavailable("workspace", "the workspace does not answer") from error
        process = ContainerProcess(pipe, partial(self._address, workspace_id), refusal)
        try:
            yield process
        finally:
            await process.close()
