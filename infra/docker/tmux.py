"""The tmux inside a container. Its user may have put any program in its place, so nothing it says is trusted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque

from infra.docker.execs import NO_SUCH_USER, READ_BYTES, WORKSPACE_USER, DockerExecs, ExecPipe, ExecRefused
from infra.tmux.hosts import RUN_TIMEOUT_S, Pipe, TmuxGone

# A shell that runs a client, and kills it once its own input has ended, as when Tenure was killed. The engine then
# reads no more output either; a client that nobody reads from would stay, and hold up the panes that it watches.
# `$$` leads a process group: that of the client, of `cat`, and not of the tmux server, which makes its own.
END_WITH_INPUT = (
    'command -v tmux >/dev/null || { echo "$0"; exit; }\n'
    '{ cat; kill -s KILL -- -$$; } 2>/dev/null | { "$@"; kill -s KILL -- -$$; }'
)
# A shell that runs a tmux command on so many bytes of input: over the engine's API, input cannot end before output.
WITH_INPUT = 'bytes=$1; shift; head -c "$bytes" | "$@" 2>&1; echo "$0"'
NO_TMUX = "tenure: there is no tmux"  # what END_WITH_INPUT writes; a workspace that lies about it harms only itself
RUN_END = b"tenure: end of the command"  # what WITH_INPUT writes
WRITE_BYTES = 1 << 16
MAX_OUTPUT_BYTES = 1 << 16
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
        wrapper = ["sh", "-c", END_WITH_INPUT, NO_TMUX]
        id, pipe = await self._execs.start(
            self._container, self._user, [*wrapper, "tmux", *options, "-u", "-C", *command]
        )
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
        self._lacks_tmux |= message == NO_TMUX
        raise TmuxGone(f"the workspace's tmux does not answer: {message}")

    async def run(self, *command: str, stdin: bytes) -> str:
        wrapper = ["sh", "-c", WITH_INPUT, RUN_END.decode(), str(len(stdin))]
        try:
            _, pipe = await self._execs.start(self._container, self._user, [*wrapper, "tmux", "-N", "-u", *command])
        except ExecRefused as error:
            raise TmuxGone(str(error)) from error
        output = b""
        try:
            async with asyncio.timeout(RUN_TIMEOUT_S):
                for start in range(0, len(stdin), WRITE_BYTES):
                    await pipe.write(stdin[start : start + WRITE_BYTES])
                while len(output) < MAX_OUTPUT_BYTES and (data := await pipe.read(READ_BYTES)):
                    output += data
        except OSError as error:  # `TimeoutError` is one
            raise TmuxGone("the workspace's tmux does not answer") from error
        finally:
            await pipe.close()
        output, end, _ = output.rpartition(RUN_END)
        if not end:
            raise TmuxGone("the workspace has gone meanwhile")
        return output.decode(errors="replace").strip()

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
