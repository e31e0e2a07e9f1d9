"""The tmux inside a container. Its user may have put any program in its place, so nothing it says is trusted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque

from infra.docker.execs import NO_SUCH_USER, READ_BYTES, WORKSPACE_USER, DockerExecs, ExecPipe, ExecRefused
from infra.tmux.hosts import Pipe, TmuxGone

NO_SUCH_PROGRAM = ("executable file not found", "permission denied")  # the engine's words; its other errors may pass
FIRST_OUTPUT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
MAX_ERROR_BYTES = 2000  # of output that is not control mode
RETRY_PAUSES_S = (1.0, 2.0, 5.0, 15.0, 30.0)  # between attempts that fail, or end soon
ATTEMPT_MEMORY_S = 60.0  # older attempts no longer lengthen the pause


class PrefetchedPipe:
    """`Pipe` whose first output has been read already."""

    def __init__(self, pipe: ExecPipe, first_output: bytes) -> None:
        self._pipe, self._first_output = pipe, first_output

    async def read(self, max_bytes: int) -> bytes:
        if self._first_output:
            data, self._first_output = self._first_output[:max_bytes], self._first_output[max_bytes:]
            return data
        return await self._pipe.read(max_bytes)

    async def write(self, data: bytes) -> None:
        await self._pipe.write(data)

    async def close(self) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._pipe.write(b"\n")  # an empty line ends a client in control mode, see tmux(1)
        await self._pipe.close()


class DockerTmuxHost:
    """`TmuxHost` of one workspace's terminal: the session named after the workspace, made where there is none.

    A container without tmux is tried once, and then not before `on_restart`.
    """

    list_interval_s = 0.5

    def __init__(self, execs: DockerExecs, name: str, session: str, container: str) -> None:
        """`name` is the host's, `session` that of the tmux session, `container` the engine's id or name."""
        self.name, self.only_session = name, session
        self.watch_command = ("new-session", "-A", "-s", session, "-f", "ignore-size,no-output")
        self._execs, self._container = execs, container
        self._user, self._lacks_tmux = WORKSPACE_USER, False
        self._attempts: deque[float] = deque(maxlen=len(RETRY_PAUSES_S))
        self._has_restarted = asyncio.Event()

    async def open_client(self, *command: str) -> Pipe:
        if self._lacks_tmux:
            raise TmuxGone("there is no tmux in the workspace")
        try:
            return await self._start_client(command)
        except ExecRefused as error:
            if NO_SUCH_USER in str(error) and self._user:
                self._user = ""
                return await self.open_client(*command)
            self._lacks_tmux |= any(words in str(error) for words in NO_SUCH_PROGRAM)
            raise TmuxGone(str(error)) from error

    async def _start_client(self, command: tuple[str, ...]) -> Pipe:
        options = [] if command[0] == "new-session" else ["-N"]  # -N: no server is started
        id, pipe = await self._execs.start(self._container, self._user, ["tmux", *options, "-u", "-C", *command])
        output = b""
        try:
            async with asyncio.timeout(FIRST_OUTPUT_TIMEOUT_S):
                while len(output) < MAX_ERROR_BYTES and (data := await pipe.read(READ_BYTES)):
                    output += data
                    if output.startswith(b"%"):
                        return PrefetchedPipe(pipe, output)
        except TimeoutError:
            pass
        except BaseException:
            await pipe.close()
            raise
        await pipe.close()
        message = output.decode(errors="replace").strip()
        if await self._execs.never_ran(id):  # only then the engine wrote the message, not a program inside
            raise ExecRefused(message)
        raise TmuxGone(f"the workspace's tmux does not answer: {message}")

    def signature(self) -> object:
        return None if self._lacks_tmux else self

    async def wait_for_change(self, signature: object) -> None:
        """Wait until another attempt is worth it: longer each time, and not at all after `on_restart`."""
        now = time.monotonic()
        while self._attempts and self._attempts[0] < now - ATTEMPT_MEMORY_S:
            self._attempts.popleft()
        pause_s = RETRY_PAUSES_S[min(len(self._attempts), len(RETRY_PAUSES_S) - 1)]
        self._attempts.append(now)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if self._lacks_tmux else pause_s):
                await self._has_restarted.wait()
        self._has_restarted.clear()

    def on_restart(self) -> None:
        """The container has been started anew: forget what was learnt of it, and end the pause."""
        self._lacks_tmux, self._user = False, WORKSPACE_USER
        self._attempts.clear()
        self._has_restarted.set()
