"""A client of a tmux server in control mode: it runs commands, and passes on what the server reports."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from infra.tmux.hosts import Pipe, TmuxGone, TmuxHost
from infra.tmux.protocol import Answers, Message, Notice, Parser, Reply

log = logging.getLogger(__name__)
T = TypeVar("T")
READ_BYTES = 1 << 16
ANSWER_TIMEOUT_S = 10.0
MAX_OPEN_COMMANDS = 64
MAX_LOGGED_CHARS = 200
# ignore-size: the client does not shape windows that people look at. pause-after: a client that is slow by more than a
# second gets no more output of a pane, instead of delaying everybody's. See CONTROL MODE in tmux(1).
CLIENT_FLAGS = "ignore-size,pause-after=1"

OnMessage = Callable[[Message], None]
OnAnswers = Callable[[Answers], None]


class TmuxRefused(Exception):
    """tmux does not run a command. The message is its own."""


@dataclass
class _Request:
    """Commands on one line that are answered one after another."""

    reply_count: int
    answers: asyncio.Future[Answers]
    has_screen: bool
    on_answers: OnAnswers | None
    replies: Answers = field(default_factory=list)

    def fail(self, error: TmuxGone | TmuxRefused) -> None:
        """Raise `error` where the answers are awaited."""
        if not self.answers.done():
            self.answers.set_exception(error)
            self.answers.exception()  # else asyncio logs an error for a caller that has given up meanwhile


class ControlClient:
    """A client of a tmux server. `on_message` gets everything but answers, in order with them, and must not block.

    Commands that come before the client is attached wait for that: tmux would answer earlier, and not report what is
    written in between.
    """

    def __init__(self, pipe: Pipe, on_message: OnMessage) -> None:
        self._pipe, self._on_message = pipe, on_message
        self._parser = Parser()
        self._requests: deque[_Request] = deque()
        self._unsent: list[str] | None = []  # lines that wait for the attachment; None once it is attached
        self._has_ended = False

    @classmethod
    async def attach(cls, host: TmuxHost, session_id: str | None, on_message: OnMessage) -> ControlClient:
        """A client that attaches to a session, or to any. A session that is missing shows in `run` and `ask`.

        `TmuxGone` if no client can be started.
        """
        target = ["-t", session_id] if session_id else []
        return cls(await host.open_client("attach-session", "-f", CLIENT_FLAGS, *target), on_message)

    async def run(self) -> None:
        """Read until the client ends. Requests that are open then raise `TmuxGone`."""
        try:
            while data := await self._pipe.read(READ_BYTES):
                for message in self._parser.feed(data):
                    if isinstance(message, Reply):
                        self._on_reply(message)
                        continue
                    if isinstance(message, Notice) and message.name == "%session-changed":
                        await self._send_waiting()
                    self._on_message(message)
        except (ValueError, IndexError) as error:  # inside a workspace any program may stand in tmux's place
            log.warning(
                "a tmux client is closed: its output is not tmux's", extra={"because": str(error)[:MAX_LOGGED_CHARS]}
            )
        finally:
            self._has_ended = True
            while self._requests:
                self._requests.popleft().fail(TmuxGone("the tmux session has gone"))
            await self._pipe.close()

    def _on_reply(self, reply: Reply) -> None:
        if not self._requests:
            return
        request = self._requests[0]
        request.replies.append(reply.lines)
        if reply.ok and len(request.replies) < request.reply_count:
            if request.has_screen:
                # The next answer may be a screen of so many lines, which may look like the end of an answer.
                self._parser.verbatim_lines = screen_lines(request.replies)
            return
        self._requests.popleft()
        if reply.ok and request.on_answers:
            request.on_answers(request.replies)
        if request.answers.done():
            return
        if reply.ok:
            request.answers.set_result(request.replies)
        else:
            request.fail(TmuxRefused(b" ".join(reply.lines).decode(errors="replace")))

    async def ask(self, *commands: str, has_screen: bool = False, on_answers: OnAnswers | None = None) -> Answers:
        """Run these commands with no other between them, and return the lines of each answer.

        `has_screen`: the first answer begins with numbers of lines, such as "24,7": the second answer is a screen of 24
        lines, and the third one of 7.
        `on_answers` is called with the answers at their place in the order of messages.

        Raises `TmuxRefused` with tmux's message for the first command that fails; those after it are not run. Raises
        `TmuxGone` once the client has ended.
        """
        answers = self._add_request(len(commands), has_screen, on_answers)
        await self._in_time(self._write(" ; ".join(commands)))
        return await self._in_time(answers)

    async def send_all(self, commands: Iterable[str]) -> None:
        """Run many commands in order. Their answers are dropped; raises like `ask` for the first that fails."""
        remaining = iter(commands)
        while batch := list(islice(remaining, MAX_OPEN_COMMANDS)):
            answers = [self._add_request(1) for _ in batch]
            # No await between the requests and their lines: else another caller's commands come between, and answers
            # go to the wrong requests.
            await self._in_time(self._write("\n".join(batch)))
            results = await asyncio.gather(*map(self._in_time, answers), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    def _add_request(
        self, reply_count: int, has_screen: bool = False, on_answers: OnAnswers | None = None
    ) -> asyncio.Future[Answers]:
        if self._has_ended:
            raise TmuxGone("the tmux session has gone")
        answers: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        self._requests.append(_Request(reply_count, answers, has_screen, on_answers))
        return answers

    async def _send_waiting(self) -> None:
        lines, self._unsent = self._unsent, None
        if lines:
            await self._write("\n".join(lines))  # in one piece, so that no other line comes between

    async def _write(self, line: str) -> None:
        if self._unsent is not None:
            self._unsent.append(line)
            return
        with contextlib.suppress(OSError):  # it has ended: `run` reads that, and fails the open requests
            await self._pipe.write(f"{line}\n".encode())

    async def _in_time(self, result: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await result
        except TimeoutError:
            raise TmuxRefused("tmux does not answer") from None

    async def close(self) -> None:
        """End the client."""
        await self._pipe.close()


def screen_lines(replies: Answers) -> int:
    """How many lines of a screen the next answer has, after these; 0 where it is no screen."""
    counts = replies[0][0].partition(b" ")[0].split(b",") if replies[0] else []
    nth = len(replies) - 1
    return int(counts[nth]) if nth < len(counts) and counts[nth].isdigit() else 0
