"""The sockets and the stream of the contract (T25 to T31, T39 to T41, T48), for the reference. See `messages`."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from interfaces.clarateach.views import LearnersJson
from interfaces.http.channels import Channel
from interfaces.http.display_channel import AnswerJson, CandidateJson, ControlJson, DisplayErrorJson, OfferJson


class InputJson(TypedDict):
    """Text to type into the terminal. Enter is whatever the client's terminal sends for it."""

    type: Literal["input"]
    data: str


class ResizeJson(TypedDict):
    """The size that the client's window has now, kept within 1 and 500."""

    type: Literal["resize"]
    cols: float
    rows: float


class SeatOutputJson(TypedDict):
    """What the terminal writes; first, and after a slow moment, its whole screen."""

    type: Literal["output"]
    data: str


class SeatErrorJson(TypedDict):
    """A message of the client had no effect."""

    type: Literal["error"]
    message: str


class ExitJson(TypedDict):
    """The socket is closed next."""

    type: Literal["exit"]


class ConnectJson(TypedDict):
    """Ask for the offer. Comes first, and once."""

    event: Literal["connect"]


SEAT_TOKEN = "The seat's token, from POST /api/join: Authorization: Bearer, or ?token= where headers cannot be set."
CHANNELS = (
    Channel(
        name="clarateach.terminal",
        protocol="ws",
        address="/vm/{seat}/terminal",
        summary="The terminal of a seat. All sockets of a seat show the same one.",
        credential=SEAT_TOKEN,
        to_client=(SeatOutputJson, SeatErrorJson, ExitJson),
        from_client=(InputJson, ResizeJson),
        query={"token": "the seat's token, for browsers"},
        closes={
            1000: "the terminal is closed, or the seat has another machine",
            1001: "the server shuts down; come back",
            1008: "the token does not open the seat any more",
            1013: "the client does not keep up; come back",
        },
    ),
    Channel(
        name="clarateach.browser",
        protocol="ws",
        address="/vm/{seat}/browser",
        summary="The display of a seat over WebRTC: the signalling, the mouse and the keyboard. Where neko runs in the "
        "seat's machine, its own messages pass unchanged instead.",
        credential=SEAT_TOKEN,
        to_client=(OfferJson, CandidateJson, DisplayErrorJson),
        from_client=(ConnectJson, AnswerJson, CandidateJson, ControlJson),
        query={"token": "the seat's token, for browsers"},
        closes={1011: "the display has gone"},
        subprotocol="neko",
    ),
    Channel(
        name="clarateach.learners",
        protocol="sse",
        address="/api/workshops/{id}/learners/stream",
        summary="The learners of a workshop: the list now, and again whenever it has changed, as events `learners`.",
        credential="An instructor's token, or an API key.",
        to_client=(LearnersJson,),
    ),
)
