"""Messages of a browser that shows a display: signalling for WebRTC, mouse and keyboard, each as {"event", "data"}.

offer {RTCSessionDescription}         to the browser
answer {RTCSessionDescription}        from the browser
candidate {RTCIceCandidate}           either way
control/move, control/keydown …       from the browser: the mouse and the keyboard
error {message}                       to the browser
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from application.ports.displays import Act, IceCandidate, SessionDescription
from domain.errors import Invalid
from interfaces.http.json_messages import JsonObject, parse_tagged

MAX_COORDINATE_PX = 1 << 16  # and of a distance
MAX_KEY_CODE = 0x7FFF_FFFF
CONTROL = "control/"
ACT_KINDS = (
    "move",
    "scroll",
    *(f"{device}{change}" for device in ("button", "key") for change in ("down", "up", "press")),
)


# -- from the browser ----------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """The browser's answer to the offer: an RTCSessionDescription, not validated yet."""

    description: JsonObject


@dataclass(frozen=True)
class BrowserCandidate:
    """One of the browser's addresses: an RTCIceCandidate, not validated yet."""

    candidate: JsonObject


def parse_event(text: str | bytes) -> tuple[str, JsonObject]:
    """The event of a message, and its data. Raises `Invalid`."""
    message = parse_tagged(text, "event")
    if message is None:
        raise Invalid("a message must be a JSON object with an event")
    event, fields = message
    data = fields.get("data")
    return event, data if isinstance(data, dict) else {}


def parse_act(event: str, data: JsonObject, other_events: str) -> Act:
    """An act with the mouse or the keyboard. Raises `Invalid`, with `other_events` where the event is unknown."""
    kind = event.removeprefix(CONTROL)
    if kind == event or kind not in ACT_KINDS:
        raise Invalid(f"there are {other_events}, and what begins with {CONTROL}")
    x, y = data.get("x"), data.get("y")
    code = data.get("keysym", data.get("code", 0))
    return Act(
        kind,
        None if x is None else parse_number(x),
        None if y is None else parse_number(y),
        parse_number(code, MAX_KEY_CODE),
        parse_number(data.get("delta_x", 0)),
        parse_number(data.get("delta_y", 0)),
    )


def parse_number(value: object, largest: int = MAX_COORDINATE_PX) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= largest:
        raise Invalid("x, y, code, keysym and deltas must be numbers")
    return int(value)


# -- to the browser ------------------------------------------------------------------


@dataclass(frozen=True)
class Offer:
    """The server's offer."""

    description: SessionDescription

    def encode(self) -> str:
        return encode_event("offer", self.description)


@dataclass(frozen=True)
class ServerCandidate:
    """One of the server's addresses."""

    candidate: IceCandidate

    def encode(self) -> str:
        return encode_event("candidate", self.candidate)


@dataclass(frozen=True)
class ErrorMessage:
    """A message of the browser had no effect, or the connection ends."""

    message: str

    def encode(self) -> str:
        return encode_event("error", {"message": self.message})


def encode_event(event: str, data: JsonObject) -> str:
    return orjson.dumps({"event": event, "data": data}, option=orjson.OPT_UTC_Z).decode()
