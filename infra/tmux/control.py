"""One client of a tmux server in control mode: ask it, and hear what happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol, TypeVar

from infra.tmux.protocol import Message, Notice, Parser, Reply

log = logging.getLogger(__name__)
Got = TypeVar("Got")
PIECE = 1 << 16  # bytes read at once
ANSWER_SECONDS = 10.0
AT_ONCE = 64  # commands on their way
LOOK = 0.25  # seconds between looks whether a server may have come: a stat each
TRY = 2.0  # seconds between attempts where nothing shows whether one has
# It neither shapes the windows that people look at, nor lets a slow one of us hold up their panes.
FLAGS = "ignore-size,pause-after=1"


class TmuxGone(Exception):
    """There is no such session, or no server, any more; or no tmux at all."""


class TmuxRefused(Exception):
    """tmux does not do what it was asked. The message is its own."""


class Pipe(Protocol):
    """Both ends of a tmux client that runs somewhere."""

    async def read(self, most: int) -> bytes:
        """Empty: it has ended."""
        ...

    async def write(self, data: bytes) -> None: ...

    async def close(self) -> None: ...


class Place(Protocol):
    """Where a tmux server is reached."""

    @property
    def name(self) -> str: ...

    async def open(self, *command: str) -> Pipe:
        """A tmux client in control mode, running this command. `TmuxGone` where that is impossible now."""
        ...

    @property
    def watch(self) -> tuple[str, ...]:
        """The command of a client that looks after its sessions, and gets no output."""
        ...

    @property
    def session(self) -> str | None:
        """The name of the only session that counts there; None: all do."""
        ...

    @property
    def rest(self) -> float:
        """Seconds between looks at its sessions; a client that lived no second counts as none, where it is not 0."""
        ...

    def signature(self) -> object:
        """Something cheap that changes when a server may have come; None while there is certainly none."""
        ...

    async def changed(self, since: object) -> None:
        """Return when the signature is another one, or it is time to try all the same."""
        ...

    def again(self) -> None:
        """Where it is may have been started anew."""
        ...


class _Process:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout
        self._process, self._in, self._out = process, process.stdin, process.stdout

    async def read(self, most: int) -> bytes:
        return await self._out.read(most)

    async def write(self, data: bytes) -> None:
        self._in.write(data)
        await self._in.drain()

    async def close(self) -> None:
        self._in.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._process.wait()
                return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@dataclass(frozen=True)
class Local:
    """A tmux server on this machine, at a socket."""

    socket: str
    name: str = "host"
    tmux: str = "tmux"
    watch: tuple[str, ...] = ("attach-session", "-f", "ignore-size,no-output")
    session: str | None = None
    rest: float = 0.0

    async def open(self, *command: str) -> Pipe:
        try:
            process = await asyncio.create_subprocess_exec(
                *(self.tmux, "-N", "-u", "-S", self.socket, "-C", *command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={k: v for k, v in os.environ.items() if k not in ("TMUX", "TMUX_PANE")},
                start_new_session=True,  # a Ctrl-C at our own terminal is not for it
            )
        except OSError as error:
            raise TmuxGone(f"tmux cannot be started: {error.strerror}") from error
        return _Process(process)

    def signature(self) -> object:
        try:
            seen = os.stat(self.socket)
        except OSError:
            return None
        return (seen.st_ino, seen.st_mtime_ns)

    async def changed(self, since: object) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TRY):
                while self.signature() in (None, since):
                    await asyncio.sleep(LOOK)

    def again(self) -> None:
        """Its signature tells."""


@dataclass
class _Question:
    replies: int
    answer: asyncio.Future[list[list[bytes]]]
    screen: bool
    then: Callable[[list[list[bytes]]], None] | None
    got: list[list[bytes]] = field(default_factory=list)


Hear = Callable[[Message], None]


class Control:
    """`hear` is called with all that is no answer, in order with the answers, and must not wait.

    What is asked before it is attached waits for that: tmux would answer sooner, and not tell what is written between.
    """

    def __init__(self, pipe: Pipe, hear: Hear) -> None:
        self._pipe, self._hear = pipe, hear
        self._parser = Parser()
        self._asked: deque[_Question] = deque()
        self._held: list[str] | None = []  # what waits; None once it is attached
        self._gone = False

    @classmethod
    async def attached(cls, place: Place, session: str | None, hear: Hear) -> Control:
        """To a session, by its id, or to whichever there is. What is wrong shows when it is run, or asked."""
        target = ["-t", session] if session else []
        return cls(await place.open("attach-session", "-f", FLAGS, *target), hear)

    async def run(self) -> None:
        """Hear until it ends. Whoever waits for an answer then is told `TmuxGone`."""
        try:
            while data := await self._pipe.read(PIECE):
                for message in self._parser.feed(data):
                    if isinstance(message, Reply):
                        self._answered(message)
                        continue
                    if isinstance(message, Notice) and message.name == "%session-changed":
                        await self._release()
                    self._hear(message)
        except (ValueError, IndexError) as nonsense:  # in a workspace anything may pose as tmux
            log.warning("what should be tmux makes no sense, and is let go", extra={"because": str(nonsense)[:200]})
        finally:
            self._gone = True
            while self._asked:
                question = self._asked.popleft()
                if not question.answer.done():
                    question.answer.set_exception(TmuxGone("the tmux session has gone"))
            await self._pipe.close()

    def _answered(self, reply: Reply) -> None:
        if not self._asked:
            return
        question = self._asked[0]
        question.got.append(reply.lines)
        if reply.ok and len(question.got) < question.replies:
            if question.screen and len(question.got) == 1:
                # Its first word is how many lines the screen has that comes next: they may look like anything.
                lines = reply.lines[0].partition(b" ")[0] if reply.lines else b""
                self._parser.verbatim = int(lines) if lines.isdigit() else 0
            return
        self._asked.popleft()
        if reply.ok and question.then:
            question.then(question.got)
        if question.answer.done():
            return
        if reply.ok:
            question.answer.set_result(question.got)
        else:
            question.answer.set_exception(TmuxRefused(b" ".join(reply.lines).decode(errors="replace")))

    async def ask(
        self, *commands: str, screen: bool = False, then: Callable[[list[list[bytes]]], None] | None = None
    ) -> list[list[bytes]]:
        """The answers to these commands, run one after another with nothing between them.

        With `screen`, the first answers with a number of lines, and the second with these lines, verbatim. `then`
        is called with the answers where they stand in the order of what is heard.
        Raises `TmuxRefused` with what tmux says to the first that fails; the rest are not run then.
        """
        answer = self._question(len(commands), screen, then)
        return await self._answer(answer, " ; ".join(commands))

    async def ask_all(self, commands: Iterable[str]) -> None:
        """Many commands, in order, whose answers say nothing. Raises what the first says that fails."""
        many = iter(commands)
        while some := list(islice(many, AT_ONCE)):
            answers = [self._question(1) for _ in some]
            # Written in the same breath as it is noted who waits: else another's commands come between, and the
            # answers go to the wrong ones.
            await self._in_time(self._write("\n".join(some)))
            asked = map(self._answer, answers)
            done = await asyncio.gather(*asked, return_exceptions=True)
            for failure in done:
                if isinstance(failure, BaseException):
                    raise failure

    def _question(
        self, replies: int, screen: bool = False, then: Callable[[list[list[bytes]]], None] | None = None
    ) -> asyncio.Future[list[list[bytes]]]:
        if self._gone:
            raise TmuxGone("the tmux session has gone")
        answer: asyncio.Future[list[list[bytes]]] = asyncio.get_running_loop().create_future()
        self._asked.append(_Question(replies, answer, screen, then))
        return answer

    async def _release(self) -> None:
        held, self._held = self._held, None
        if held:
            await self._write("\n".join(held))  # in one piece, so that nothing comes between

    async def _write(self, line: str) -> None:
        if self._held is not None:
            self._held.append(line)
            return
        with contextlib.suppress(OSError):  # it has ended: whoever waits is told so when that is read
            await self._pipe.write(f"{line}\n".encode())

    async def _answer(self, answer: asyncio.Future[list[list[bytes]]], line: str = "") -> list[list[bytes]]:
        """Once this has been written."""
        if line:
            await self._in_time(self._write(line))
        return await self._in_time(answer)

    async def _in_time(self, it: Awaitable[Got]) -> Got:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await it
        except TimeoutError:
            raise TmuxRefused("tmux does not answer") from None

    async def close(self) -> None:
        await self._pipe.close()
