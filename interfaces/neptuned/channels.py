"""The sockets of the contract (N29 to N33), for the published reference. See `messages`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from typing_extensions import TypedDict

from interfaces.http.channels import Channel
from interfaces.http.display_channel import AnswerJson, CandidateJson, ControlJson, DisplayErrorJson, OfferJson


class TurnDataJson(TypedDict):
    """How the turn stands, as this browser sees it."""

    yours: bool
    until: datetime | None
    waiting: int
    place: int | None


class TurnJson(TypedDict):
    """Sent whenever the turn changes, and when the browser asks."""

    event: Literal["turn"]
    data: TurnDataJson


class TurnRequestJson(TypedDict):
    """Ask for the turn, give it up, or ask how it stands."""

    event: Literal["turn/take", "turn/release", "turn/look"]


class QualityDataJson(TypedDict):
    """The quality by its name."""

    name: Literal["full", "small"]


class QualityJson(TypedDict):
    """Choose the quality of the video."""

    event: Literal["quality"]
    data: QualityDataJson


CHANNELS = (
    Channel(
        name="neptuned.connect",
        protocol="ws",
        address="/api/v0/connect/{vm}",
        summary="A machine's display over WebRTC: the signalling. The server offers at once; the browser answers, "
        "and both send candidates. The socket may close once the data channel is open.",
        credential="A login token or an API key: Authorization: Bearer, or ?token= where headers cannot be set.",
        to_client=(OfferJson, CandidateJson, DisplayErrorJson),
        from_client=(AnswerJson, CandidateJson),
        query={
            "token": "the login token, for browsers",
            "password": "the password of a private machine",
            "quality": "full or small",
        },
        closes={
            1000: "the browser left before it could be sent pictures",
            1001: "the server shuts down; come back",
            1008: "the user may not be connected any more",
            1011: "the machine has gone",
        },
    ),
    Channel(
        name="neptuned.control",
        protocol="webrtc",
        address=None,
        summary="The data channel `control` of the offer of neptuned.connect: turns, the mouse and the keyboard.",
        credential="That of neptuned.connect.",
        to_client=(TurnJson, DisplayErrorJson),
        from_client=(TurnRequestJson, QualityJson, ControlJson),
    ),
)
