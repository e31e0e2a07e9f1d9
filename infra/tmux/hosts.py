"""Where a tmux server runs, and how a client of it is started there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from dataclasses import dataclass
from typing import Protocol

from infra.tmux import die_with_parent

POLL_INTERVAL_S = 0.25  # between looks at the socket of a server that is not there: a stat(2) each
RETRY_INTERVAL_S = 2.0  # between attempts to connect, where the socket does not change
EXIT_TIMEOUT_S = 1.0
RUN_TIMEOUT_S = 60.0  # of a command that takes much input
# Inherited by a Tenure that was started inside a tmux, and then refused by a client as nesting.
TMUX_VARIABLES = ("TMUX", "TMUX_PANE")


class TmuxGone(Exception):
    """There is no such session, or no server, any more; or no tmux at all."""


class Pipe(Protocol):
    """The input and output of a tmux client that runs somewhere."""

    async def read(self, max_bytes: int) -> bytes:
        """The next bytes of its output; empty once it has ended."""
        ...

    async def write(self, data: bytes) -> None:
        """Send all of it to its input. `OSError` if it has ended."""
        ...

    async def close(self) -> None:
        """End the client."""
        ...


class TmuxHost(Protocol):
    """Where a tmux server is reached: this host, or inside a container."""

    @property
    def name(self) -> str:
        """The host's name in addresses of sessions."""
        ...

    async def open_client(self, *command: str) -> Pipe:
        """Start a tmux client in control mode that runs this command. `TmuxGone` where that is impossible now."""
        ...

    async def run(self, *command: str, stdin: bytes) -> str:
        """Run a tmux command with this input, and return its output and errors. `TmuxGone` where that is impossible."""
        ...

    @property
    def watch_command(self) -> tuple[str, ...]:
        """The command of a client that hears of sessions, and gets no output of panes."""
        ...

    @property
    def only_session(self) -> str | None:
        """The name of the only session that counts on this server; None: all count."""
        ...

    @property
    def list_interval_s(self) -> float:
        """The least time between two lists of sessions. 0: each change is listed at once."""
        ...

    def signature(self) -> object:
        """A value that changes when a server may have started; None while there is certainly none. Must be cheap."""
        ...

    async def wait_for_change(self, signature: object) -> None:
        """Wait until the signature is another one, or until another attempt is due all the same."""
        ...

    def on_restart(self) -> None:
        """Forget what was learnt of the host: it may have been started anew."""
        ...


class ProcessPipe:
    """`Pipe` of a process of this host."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout

    async def read(self, max_bytes: int) -> bytes:
        return await self._stdout.read(max_bytes)

    async def write(self, data: bytes) -> None:
        self._stdin.write(data)
        await self._stdin.drain()

    async def close(self) -> None:
        self._stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                await self._process.wait()
                return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@dataclass(frozen=True)
class LocalTmuxHost:
    """`TmuxHost` of a tmux server on this host, at a socket."""

    socket: str
    name: str = "host"
    program: str = "tmux"
    watch_command: tuple[str, ...] = ("attach-session", "-f", "ignore-size,no-output")
    only_session: str | None = None
    list_interval_s: float = 0.0

    async def open_client(self, *command: str) -> Pipe:
        return ProcessPipe(await self._start(("-C", *command), stderr=DEVNULL))

    async def run(self, *command: str, stdin: bytes) -> str:
        process = await self._start(command, stderr=STDOUT)
        try:
            async with asyncio.timeout(RUN_TIMEOUT_S):
                output, _ = await process.communicate(stdin)
        except TimeoutError:
            raise TmuxGone("tmux does not answer") from None
        finally:
            if process.returncode is None:
                process.kill()
        return output.decode(errors="replace").strip()

    async def _start(self, arguments: tuple[str, ...], stderr: int) -> asyncio.subprocess.Process:
        if not shutil.which(self.program):
            raise TmuxGone("tmux is not installed")
        # -I and -S: Python starts in a third of the time without site-packages, which the script does not need.
        wrapper = (sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid()))
        try:
            return await asyncio.create_subprocess_exec(
                *(*wrapper, self.program, "-N", "-u", "-S", self.socket, *arguments),  # -N: no server is started
                stdin=PIPE,
                stdout=PIPE,
                stderr=stderr,
                env={name: value for name, value in os.environ.items() if name not in TMUX_VARIABLES},
                start_new_session=True,  # else a Ctrl-C at Tenure's own terminal would end it first
            )
        except OSError as error:
            raise TmuxGone(f"tmux cannot be started: {error.strerror}") from error

    def signature(self) -> object:
        try:
            status = os.stat(self.socket)
        except OSError:
            return None
        return (status.st_ino, status.st_mtime_ns)

    async def wait_for_change(self, signature: object) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETRY_INTERVAL_S):
                while self.signature() in (None, signature):
                    await asyncio.sleep(POLL_INTERVAL_S)

    def on_restart(self) -> None:
        """Do nothing: a server that starts has another signature."""
