"""The streams of the contract (W22 to W34), for the published reference."""

from __future__ import annotations

from interfaces.http.channels import Channel
from interfaces.warpdrive.streams import Ask
from interfaces.warpdrive.views import JoinRequested, Outcome

CHANNELS = (
    Channel(
        name="warpdrive.owner",
        protocol="sse",
        address="/sse/session/{session_id}/owner",
        summary="Requests to join a session, for its owner: first all that wait, then each new one, as events "
        "`join_requested`. Ends with the session.",
        credential="An API key in X-API-Key, or a token in Authorization: Bearer.",
        to_client=(JoinRequested,),
    ),
    Channel(
        name="warpdrive.guest",
        protocol="sse",
        address="/sse/session/alias/{alias}/guest",
        summary="Ask to join a session, and wait for the outcome, one event `join_request_outcome`. Closing the "
        "stream withdraws the request.",
        credential="An API key in X-API-Key, or a token in Authorization: Bearer.",
        to_client=(Outcome,),
        method="POST",
        body=Ask,
    ),
)
