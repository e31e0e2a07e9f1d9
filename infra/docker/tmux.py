"""The tmux inside a container. Who works there may have put anything in its place: nothing it says is trusted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque

from infra.docker.execs import PIECE, DockerExecs, ExecPipe, ExecRefused
from infra.tmux.control import Pipe, TmuxGone

USER = "tenure"  # who works in our own image; in others, whoever they say
NO_SUCH_USER = "unable to find user"
NO_SUCH_PROGRAM = ("executable file not found", "permission denied")  # all else that an engine says may pass
FIRST_SECONDS = 10.0  # until the first word
FIRST_WORDS = 2000  # bytes of what is no control mode
PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)  # seconds between attempts that come to nothing, or soon end
FORGOTTEN = 60.0  # seconds after which an attempt counts no more


class Started:
    """`Pipe` whose first piece has been read already."""

    def __init__(self, pipe: ExecPipe, first: bytes) -> None:
        self._pipe, self._first = pipe, first

    async def read(self, most: int) -> bytes:
        if self._first:
            data, self._first = self._first[:most], self._first[most:]
            return data
        return await self._pipe.read(most)

    async def write(self, data: bytes) -> None:
        await self._pipe.write(data)

    async def close(self) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._pipe.write(b"\n")  # an empty line: the client goes
        await self._pipe.close()


class DockerTmux:
    """`Place` of one workspace's terminal: the session with its id, made where there is none.

    A container in which there is no tmux is asked once, until `again` says that it may be another one.
    """

    rest = 0.5  # seconds between looks at its sessions, however much happens to them

    def __init__(self, execs: DockerExecs, name: str, session: str, container: str) -> None:
        self.name, self.session = name, session
        self.watch = ("new-session", "-A", "-s", session, "-f", "ignore-size,no-output")
        self._execs, self._container = execs, container
        self._user, self._lacks = USER, False
        self._tried: deque[float] = deque(maxlen=len(PAUSES))
        self._again = asyncio.Event()

    async def open(self, *command: str) -> Pipe:
        if self._lacks:
            raise TmuxGone("there is no tmux in the workspace")
        try:
            return await self._opened(command)
        except ExecRefused as no:
            if NO_SUCH_USER in str(no) and self._user:
                self._user = ""
                return await self.open(*command)
            self._lacks |= any(words in str(no) for words in NO_SUCH_PROGRAM)
            raise TmuxGone(str(no)) from no

    async def _opened(self, command: tuple[str, ...]) -> Pipe:
        alone = [] if command[0] == "new-session" else ["-N"]  # which starts no server
        id, pipe = await self._execs.start(self._container, self._user, ["tmux", *alone, "-u", "-C", *command])
        said = b""
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                while len(said) < FIRST_WORDS and (more := await pipe.read(PIECE)):
                    said += more
                    if said.startswith(b"%"):
                        return Started(pipe, said)
        except TimeoutError:
            pass
        except BaseException:
            await pipe.close()
            raise
        await pipe.close()
        words = said.decode(errors="replace").strip()
        if await self._execs.never_ran(id):  # so that these are the engine's own words
            raise ExecRefused(words)
        raise TmuxGone(f"the workspace's tmux does not answer: {words}")

    def signature(self) -> object:
        return None if self._lacks else self

    async def changed(self, since: object) -> None:
        """Return when another attempt is worth it: later each time, and at once when told `again`."""
        now = time.monotonic()
        while self._tried and self._tried[0] < now - FORGOTTEN:
            self._tried.popleft()
        pause = PAUSES[min(len(self._tried), len(PAUSES) - 1)]
        self._tried.append(now)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if self._lacks else pause):
                await self._again.wait()
        self._again.clear()

    def again(self) -> None:
        """It runs anew."""
        self._lacks, self._user = False, USER
        self._tried.clear()
        self._again.set()
