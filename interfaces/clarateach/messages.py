"""The messages of a seat's sockets and of the stream of learners: each a type, parsed or encoded here, nowhere else.

/vm/{seat}/terminal (T25 to T31)
    from the client    input {data}, resize {cols, rows}
    to the client      output {data}, error {message}, exit {}

/vm/{seat}/browser (T39 to T41), each as {event, data}
    from the client    connect, answer {RTCSessionDescription}, candidate {RTCIceCandidate}, control/… {mouse, keyboard}
    to the client      offer {RTCSessionDescription}, candidate {RTCIceCandidate}, error {message}

/api/workshops/{id}/learners/stream (T48)
    event learners     {learners, connected}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson
from sse_starlette import ServerSentEvent

from application.ports.displays import Act
from application.ports.terminals import MAX_KEYS_BYTES, TOO_MANY_KEYS, Frame
from interfaces.clarateach.views import LearnersJson
from interfaces.http.display_messages import Answer, BrowserCandidate, parse_act, parse_event
from interfaces.http.json_messages import JsonObject, parse_tagged

MIN_SIZE_CHARS, MAX_SIZE_CHARS = 1, 500  # columns, or lines
OUTPUT = "clarateach.output"  # the key of `Frame.encodings`


class MessageError(ValueError):
    """The client gets an error for the message that it sent. The socket stays open."""


# -- terminal: from the client -------------------------------------------------------


@dataclass(frozen=True)
class Input:
    """Bytes to type into the terminal. Enter is whatever the client's terminal sends for it."""

    keys: bytes

    @classmethod
    def parse(cls, fields: JsonObject) -> Input:
        data = fields.get("data")
        if not isinstance(data, str):
            raise MessageError("data must be text")
        keys = data.encode()
        if len(keys) > MAX_KEYS_BYTES:
            raise MessageError(TOO_MANY_KEYS)
        return cls(keys)


@dataclass(frozen=True)
class Resize:
    """The size that the client's window has now, kept within 1 and 500."""

    columns: int
    lines: int

    @classmethod
    def parse(cls, fields: JsonObject) -> Resize:
        return cls(parse_size(fields.get("cols")), parse_size(fields.get("rows")))


TerminalMessage = Input | Resize
TERMINAL_PARSERS: dict[str, Callable[[JsonObject], TerminalMessage]] = {"input": Input.parse, "resize": Resize.parse}


def parse_terminal_message(text: str | bytes) -> TerminalMessage:
    """Parse a client's message. Raises `MessageError`."""
    message = parse_tagged(text, "type")
    if message is None:
        raise MessageError("a message must be a JSON object with a type")
    kind, fields = message
    parse = TERMINAL_PARSERS.get(kind)
    if parse is None:
        raise MessageError("there are messages of type input and resize")
    return parse(fields)


def parse_size(value: object) -> int:
    """Columns or lines, kept within the bounds. Raises `MessageError` for anything but a number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise MessageError("cols and rows must be numbers")
    return max(MIN_SIZE_CHARS, min(MAX_SIZE_CHARS, int(value)))


# -- terminal: to the client ---------------------------------------------------------


@dataclass(frozen=True)
class Output:
    """What the terminal writes; first, and after a slow moment, its whole screen."""

    frame: Frame

    def encode(self) -> str:
        """Encoded once for all viewers of the frame."""
        encodings = self.frame.encodings
        if OUTPUT not in encodings:
            encodings[OUTPUT] = encode_json({"type": "output", "data": self.frame.data})
        return encodings[OUTPUT]


@dataclass(frozen=True)
class TerminalError:
    """A message of the client had no effect."""

    message: str

    def encode(self) -> str:
        return encode_json({"type": "error", "message": self.message})


@dataclass(frozen=True)
class Exit:
    """The socket is closed next: there is no more output for this client."""

    def encode(self) -> str:
        return encode_json({"type": "exit"})


def encode_json(message: JsonObject) -> str:
    return orjson.dumps(message).decode()


# -- browser: from the client --------------------------------------------------------


@dataclass(frozen=True)
class Connect:
    """Ask for the offer."""


BrowserMessage = Connect | Answer | BrowserCandidate | Act


def parse_browser_message(text: str | bytes) -> BrowserMessage:
    """Parse a client's message. Raises `Invalid`."""
    event, data = parse_event(text)
    match event:
        case "connect":
            return Connect()
        case "answer":
            return Answer(data)
        case "candidate":
            return BrowserCandidate(data)
    return parse_act(event, data, "connect, answer, candidate")


# -- learners ------------------------------------------------------------------------


@dataclass(frozen=True)
class LearnersChanged:
    """The whole list, whenever it has changed."""

    learners: LearnersJson

    def encode(self) -> bytes:
        data = orjson.dumps(self.learners, option=orjson.OPT_UTC_Z).decode()
        return ServerSentEvent(data, event="learners").encode()
