"""The sockets of the contract (C37 to C59), for the published reference. See `messages`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NotRequired

from typing_extensions import TypedDict

from interfaces.chrote.session_views import SessionJson
from interfaces.http.channels import Channel


class SubscribeJson(TypedDict):
    """Show a session. `mode` screen: whole screens instead of what the terminal writes."""

    type: Literal["subscribe"]
    sessionId: str
    pane: NotRequired[str | int | None]
    mode: NotRequired[Literal["", "terminal", "screen"] | None]


class UnsubscribeJson(TypedDict):
    """Show a session no longer."""

    type: Literal["unsubscribe"]
    sessionId: str


class SendKeysJson(TypedDict):
    """Type into the session of this socket."""

    type: Literal["sendKeys"]
    keys: str
    pane: NotRequired[str | int | None]


class SendKeysToJson(TypedDict):
    """Type into one of the sessions of this socket."""

    type: Literal["sendKeys"]
    sessionId: str
    keys: str
    pane: NotRequired[str | int | None]


class ClaimRequestJson(TypedDict):
    """Claim a session, release it, or ask its holder to hand it over."""

    type: Literal["claim", "release", "requestClaim"]
    sessionId: str


class HandOverJson(TypedDict):
    """Hand the claim over to a user who has asked for it."""

    type: Literal["handover"]
    sessionId: str
    userId: str


class HeartbeatJson(TypedDict):
    """The client is alive. Nothing answers it."""

    type: Literal["heartbeat"]


class ConnectedJson(TypedDict):
    """The first message. `sessionId` on /ws/terminal only."""

    type: Literal["connected"]
    userId: str
    role: str
    sessionId: NotRequired[str]


class SessionsJson(TypedDict):
    """All sessions that the user may view, whenever the list has changed."""

    type: Literal["sessions"]
    sessions: list[SessionJson]


class OutputJson(TypedDict):
    """What to write to the client's terminal; with a size where that begins with a whole screen."""

    type: Literal["output"]
    sessionId: str
    pane: str
    data: str
    timestamp: str
    width: NotRequired[int]
    height: NotRequired[int]


class PersonJson(TypedDict):
    """A user."""

    id: str
    name: str


class AttendeeJson(PersonJson):
    """A user who watches."""

    avatarUrl: str | None


class ClaimedJson(TypedDict):
    """Somebody holds the claim from now on."""

    type: Literal["claimed"]
    sessionId: str
    by: PersonJson
    expiresAt: datetime | None


class ReleasedJson(TypedDict):
    """Nobody holds the claim from now on."""

    type: Literal["released"]
    sessionId: str


class ClaimRequestedJson(TypedDict):
    """For the holder: somebody asks for the claim."""

    type: Literal["claimRequested"]
    sessionId: str
    by: PersonJson


class PresenceJson(TypedDict):
    """The users who watch a session now."""

    type: Literal["presence"]
    sessionId: str
    users: list[AttendeeJson]


class ClaimDetailsJson(TypedDict):
    """The claim that stands in the way."""

    claimedBy: str
    expiresAt: str


class ErrorJson(TypedDict):
    """A message of the client had no effect. The socket stays open."""

    type: Literal["error"]
    code: str
    message: str
    details: NotRequired[ClaimDetailsJson]


CREDENTIAL = "The cookie of a member who has signed in, or a member's API key or token in a header."
CLOSES = {
    1001: "the server shuts down; come back",
    1013: "the client does not keep up; come back",
    4000: "no message came for TENURE_HEARTBEAT_SECONDS",
    4001: "the caller is not signed in, or not any more",
}
CHANNELS = (
    Channel(
        name="chrote.sessions",
        protocol="ws",
        address="/ws",
        summary="All sessions over one socket: the list, subscriptions, claims and presence.",
        credential=CREDENTIAL,
        to_client=(
            ConnectedJson,
            SessionsJson,
            OutputJson,
            ClaimedJson,
            ReleasedJson,
            ClaimRequestedJson,
            PresenceJson,
            ErrorJson,
        ),
        from_client=(SubscribeJson, UnsubscribeJson, SendKeysToJson, ClaimRequestJson, HandOverJson, HeartbeatJson),
        closes=CLOSES,
    ),
    Channel(
        name="chrote.terminal",
        protocol="ws",
        address="/ws/terminal/{id:path}",
        summary="One session over one socket, for a client that is a terminal and no more.",
        credential=CREDENTIAL,
        to_client=(ConnectedJson, OutputJson, ErrorJson),
        from_client=(SendKeysJson, HeartbeatJson),
        query={
            "pane": "the number of a pane",
            "mode": "screen: whole screens instead of what the terminal writes",
        },
        closes=CLOSES | {4004: "there is no such session, or it has ended"},
    ),
)
