"""The stream of events, as Server-Sent Events and as a WebSocket, for the published reference. See `stream`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from interfaces.http.channels import Channel
from interfaces.native.stream import Notice


class EventJson(TypedDict):
    """An event that the caller may see, with the state of its subject after it (null: gone from every list)."""

    position: int
    subject: UUID
    version: int
    kind: str
    at: datetime
    by: UUID | None
    request_id: str
    caused_by: int | None
    facts: dict[str, Any]
    state: dict[str, Any] | None


class TaggedEventJson(EventJson):
    """The same, with its kind once more as `event`, as all messages of the socket have it."""

    event: str


CREDENTIAL = "An API key in X-API-Key, a token in Authorization: Bearer, the cookie of a member, or an identity header."
QUERY = {
    "subject": "only what happens to this; none: everything that the caller may see",
    "after": "go on after this position; none: from now on",
}
CHANNELS = (
    Channel(
        name="native.events",
        protocol="sse",
        address="/api/v1/events",
        summary="Every event that the caller may see. `ready` comes once all missed events are sent; `reset` means: "
        "list anew. The id of each event is its position; `Last-Event-ID` goes on after one.",
        credential=CREDENTIAL,
        to_client=(EventJson, Notice),
        query=QUERY,
    ),
    Channel(
        name="native.events_websocket",
        protocol="ws",
        address="/api/v1/events",
        summary="The same as JSON messages. What the client sends is ignored.",
        credential=CREDENTIAL,
        to_client=(TaggedEventJson, Notice),
        query=QUERY,
        closes={
            1001: "the server shuts down; come back with the last position",
            1008: "the caller may not read here any more",
            1013: "the client does not keep up; come back with the last position",
        },
    ),
)
