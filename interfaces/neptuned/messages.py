"""The messages of /connect (N29 to N33): each a type, parsed or encoded here and in `display_messages`, nowhere else.

On the WebSocket:

    offer {RTCSessionDescription}        to the browser, at once
    candidate {RTCIceCandidate}          either way
    answer {RTCSessionDescription}       from the browser
    error {message}                      to the browser

On the data channel:

    control/move, control/keydown …      from the browser: the mouse and the keyboard
    turn/take, turn/release, turn/look   from the browser: ask for the turn, give it up, ask how it stands
    quality {name}                       from the browser: full or small
    turn {yours, until, waiting, place}  to the browser, whenever the turn changes, and when the browser asks
    error {message}                      to the browser
"""

from __future__ import annotations

from dataclasses import dataclass

from application.console_rooms import TurnStatus
from application.ports.consoles import Quality
from application.ports.displays import Act
from domain.errors import Invalid
from interfaces.http.display_messages import (
    Answer,
    BrowserCandidate,
    ErrorMessage,
    Offer,
    ServerCandidate,
    encode_event,
    parse_act,
    parse_event,
)
from interfaces.http.json_messages import JsonObject

CHANNEL_EVENTS = "turn/take, turn/release, turn/look, quality"

# -- from the browser ----------------------------------------------------------------


@dataclass(frozen=True)
class TakeTurn:
    """Take the turn, or wait for it."""


@dataclass(frozen=True)
class ReleaseTurn:
    """Give up the turn, or the place in the queue."""


@dataclass(frozen=True)
class LookAtTurn:
    """Ask how the turn stands."""


@dataclass(frozen=True)
class ChooseQuality:
    quality: Quality

    @classmethod
    def parse(cls, data: JsonObject) -> ChooseQuality:
        """Raises `Invalid`."""
        if data.get("name") not in tuple(Quality):
            raise Invalid(f"quality has a name: {' or '.join(Quality)}")
        return cls(Quality(str(data["name"])))


SocketRequest = Answer | BrowserCandidate
ChannelRequest = TakeTurn | ReleaseTurn | LookAtTurn | ChooseQuality | Act


def parse_socket_request(text: str | bytes) -> SocketRequest:
    """A message on the WebSocket. Raises `Invalid`."""
    match parse_event(text):
        case "answer", data:
            return Answer(data)
        case "candidate", data:
            return BrowserCandidate(data)
    raise Invalid("there are answer and candidate; the rest is said on the data channel")


def parse_channel_request(text: str) -> ChannelRequest:
    """A message on the data channel. Raises `Invalid`."""
    event, data = parse_event(text)
    match event:
        case "turn/take":
            return TakeTurn()
        case "turn/release":
            return ReleaseTurn()
        case "turn/look":
            return LookAtTurn()
        case "quality":
            return ChooseQuality.parse(data)
    return parse_act(event, data, CHANNEL_EVENTS)


# -- to the browser ------------------------------------------------------------------


@dataclass(frozen=True)
class TurnMessage:
    """The turn, as this browser sees it."""

    turn: TurnStatus

    def encode(self) -> str:
        turn = self.turn
        return encode_event(
            "turn", {"yours": turn.is_own, "until": turn.ends_at, "waiting": turn.waiting, "place": turn.place}
        )


SocketMessage = Offer | ServerCandidate | ErrorMessage
ChannelMessage = TurnMessage | ErrorMessage
