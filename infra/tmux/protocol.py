"""tmux's control mode as a protocol: bytes in, messages out; and commands whose arguments need no quoting.

See CONTROL MODE in tmux(1). Nothing that people typed or named is ever part of a command: sessions, windows and
panes go by tmux's own ids, keys by their bytes in hexadecimal.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

KEYS_IN_ONE_COMMAND = 1000
LONGEST = 1 << 23  # bytes of one line, or of one answer; tmux itself stays far below
ID = re.compile(r"[$@%][0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Output:
    """What a pane's programs have written."""

    pane: str  # "%5"
    data: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one of our commands; they are answered in order."""

    ok: bool
    lines: list[bytes]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something else that happened: "%session-renamed", and what follows on the line."""

    name: str
    rest: str

    @property
    def subject(self) -> str:
        """The id that it is about, which comes first."""
        return self.rest.partition(" ")[0]


Message = Output | Reply | Notice


class Parser:
    """Fed with what tmux writes, in pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""
        self._end: tuple[bytes, bytes] | None = None  # the two lines of which one ends the block that we are in
        self._ours = False  # it answers a command of ours; else one of a key binding, or the attaching itself
        self._lines: list[bytes] = []
        self._size = 0
        self.verbatim = 0  # so many lines of the next answer are a screen's, and end nothing whatever they look like

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are complete now. `verbatim` may be set between one and the next.

        `ValueError` for what tmux would not write.
        """
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LONGEST:
            raise ValueError("a line without an end")
        for line in lines:
            if self._end:
                yield from self._within(line)
            elif line.startswith(b"%output "):
                _, pane, escaped = line.split(b" ", 2)
                yield Output(pane.decode(), unescaped(escaped))
            elif line.startswith(b"%extended-output "):
                head, _, escaped = line.partition(b" : ")
                yield Output(head.split(b" ")[1].decode(), unescaped(escaped))
            elif line.startswith(b"%begin "):
                mark = line.removeprefix(b"%begin ")
                self._end = (b"%end " + mark, b"%error " + mark)
                self._ours = mark.endswith(b" 1")
                self._lines, self._size = [], 0
            elif line.startswith(b"%"):
                name, _, rest = line.decode(errors="replace").partition(" ")
                yield Notice(name, rest)

    def _within(self, line: bytes) -> Iterator[Message]:
        if self._end is None or line not in self._end or (self._ours and len(self._lines) < self.verbatim):
            self._lines.append(line)
            self._size += len(line) + 1
            if self._size > LONGEST:
                raise ValueError("an answer without an end")
            return
        self._end = None
        if self._ours:
            self.verbatim = 0
            yield Reply(line.startswith(b"%end "), self._lines)


def unescaped(data: bytes) -> bytes:
    r"""What was written: tmux writes control characters and backslashes as \ooo, in octal, and all else as it is."""
    if b"\\" not in data:
        return data
    return codecs.escape_decode(data)[0]


def checked(id: str) -> str:
    """An id as tmux gives them, as a word of a command; `ValueError` for anything else."""
    if not ID.fullmatch(id):
        raise ValueError(f"{id!r} is no id of tmux's")
    return f"'{id}'"


def send_keys(pane: str, keys: bytes) -> Iterator[str]:
    """Commands that type these bytes, in order."""
    for start in range(0, len(keys), KEYS_IN_ONE_COMMAND):
        yield f"send-keys -t {checked(pane)} -H {keys[start : start + KEYS_IN_ONE_COMMAND].hex(' ')}"
