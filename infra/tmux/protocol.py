"""tmux's control mode as a protocol: bytes become messages, and commands need no quoting.

Source: CONTROL MODE in tmux(1). No text that people typed or chose as a name is ever part of a command: sessions,
windows and panes are named by tmux's own ids, keys by their bytes in hexadecimal.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_KEYS_PER_COMMAND = 1000
MAX_ANSWER_BYTES = 1 << 23  # of one line or one answer; tmux itself stays far below
ID = re.compile(r"[$@%][0-9]{1,10}")

Answers = list[list[bytes]]  # the lines of each command's answer


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes that a pane's programs have written."""

    pane: str  # "%5"
    data: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one of our commands; they are answered in order."""

    ok: bool
    lines: list[bytes]


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification: "%session-renamed", and the rest of its line."""

    name: str
    arguments: str

    @property
    def subject(self) -> str:
        """The id that it is about, which is its first argument."""
        return self.arguments.partition(" ")[0]


Message = Output | Reply | Notice


class Parser:
    """Turns tmux's output, in pieces of any size, into messages."""

    def __init__(self) -> None:
        self._rest = b""  # the beginning of a line
        self._block_ends: tuple[bytes, bytes] | None = None  # the two lines of which one ends the current block
        self._is_ours = False  # the block answers our command, not a key binding or the attachment itself
        self._lines: list[bytes] = []
        self._size = 0
        self.verbatim_lines = 0  # of the next answer: a screen's, which end no block whatever they look like

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are complete now. `verbatim_lines` may be set between two of them.

        `ValueError` for output that is not tmux's.
        """
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_ANSWER_BYTES:
            raise ValueError("a line without an end")
        for line in lines:
            if self._block_ends:
                yield from self._in_block(line)
            elif line.startswith(b"%output "):
                _, pane, data = line.split(b" ", 2)
                yield Output(pane.decode(), unescape(data))
            elif line.startswith(b"%extended-output "):
                head, _, data = line.partition(b" : ")
                yield Output(head.split(b" ")[1].decode(), unescape(data))
            elif line.startswith(b"%begin "):
                mark = line.removeprefix(b"%begin ")
                self._block_ends = (b"%end " + mark, b"%error " + mark)
                self._is_ours = mark.endswith(b" 1")
                self._lines, self._size = [], 0
            elif line.startswith(b"%"):
                name, _, arguments = line.decode(errors="replace").partition(" ")
                yield Notice(name, arguments)

    def _in_block(self, line: bytes) -> Iterator[Message]:
        is_verbatim = self._is_ours and len(self._lines) < self.verbatim_lines
        if self._block_ends is None or line not in self._block_ends or is_verbatim:
            self._lines.append(line)
            self._size += len(line) + 1
            if self._size > MAX_ANSWER_BYTES:
                raise ValueError("an answer without an end")
            return
        self._block_ends = None
        if self._is_ours:
            self.verbatim_lines = 0
            yield Reply(line.startswith(b"%end "), self._lines)


def unescape(data: bytes) -> bytes:
    r"""The bytes that were written: tmux writes control characters and backslashes as \ooo, in octal."""
    if b"\\" not in data:
        return data
    return codecs.escape_decode(data)[0]


def quote_id(id: str) -> str:
    """One of tmux's ids as a word of a command; `ValueError` for any other text."""
    if not ID.fullmatch(id):
        raise ValueError(f"{id!r} is no id of tmux's")
    return f"'{id}'"


def send_keys(pane: str, keys: bytes) -> Iterator[str]:
    """Commands that type these bytes into a pane, in order."""
    for start in range(0, len(keys), MAX_KEYS_PER_COMMAND):
        yield f"send-keys -t {quote_id(pane)} -H {keys[start : start + MAX_KEYS_PER_COMMAND].hex(' ')}"
