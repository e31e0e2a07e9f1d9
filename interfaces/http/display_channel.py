"""The messages of a display, as JSON: signalling for WebRTC, the mouse and the keyboard. See `display_messages`."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class SessionDescriptionJson(TypedDict):
    """An RTCSessionDescription of the WebRTC API: an offer or an answer."""

    type: Literal["offer", "answer"]
    sdp: str


class IceCandidateJson(TypedDict):
    """An RTCIceCandidateInit of the WebRTC API."""

    candidate: str
    sdpMid: str
    sdpMLineIndex: int


class OfferJson(TypedDict):
    """The server's offer."""

    event: Literal["offer"]
    data: SessionDescriptionJson


class AnswerJson(TypedDict):
    """The browser's answer to the offer."""

    event: Literal["answer"]
    data: SessionDescriptionJson


class CandidateJson(TypedDict):
    """An address where the sender can be reached."""

    event: Literal["candidate"]
    data: IceCandidateJson


class ErrorDataJson(TypedDict):
    """What went wrong."""

    message: str


class DisplayErrorJson(TypedDict):
    """A message had no effect, or the connection ends."""

    event: Literal["error"]
    data: ErrorDataJson


class ActDataJson(TypedDict):
    """Where and what: pixels of the display, the number of a button (1 to 3), an X11 keysym, steps of a wheel."""

    x: NotRequired[float]
    y: NotRequired[float]
    code: NotRequired[float]
    keysym: NotRequired[float]
    delta_x: NotRequired[float]
    delta_y: NotRequired[float]


class ControlJson(TypedDict):
    """Move the mouse, press a button or a key."""

    event: Literal[
        "control/move",
        "control/scroll",
        "control/buttondown",
        "control/buttonup",
        "control/buttonpress",
        "control/keydown",
        "control/keyup",
        "control/keypress",
    ]
    data: ActDataJson
