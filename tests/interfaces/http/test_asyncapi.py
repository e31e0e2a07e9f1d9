"""The published reference of streams and sockets: all of them, with the messages that they really send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from application.console_rooms import TurnStatus
from application.ports.terminals import Frame
from interfaces.app import CONTRACTS
from interfaces.chrote import channels as chrote_channels
from interfaces.chrote import messages as chrote
from interfaces.clarateach import channels as clarateach_channels
from interfaces.clarateach import messages as clarateach
from interfaces.http import display_channel
from interfaces.http.asyncapi import document
from interfaces.http.channels import Channel
from interfaces.http.display_messages import ErrorMessage, Offer, ServerCandidate
from interfaces.http.sse import Stream
from interfaces.native import channels as native_channels
from interfaces.native.stream import Notice
from interfaces.neptuned import channels as neptuned_channels
from interfaces.neptuned import messages as neptuned
from tests.support.server import Served, stream
from tests.support.web_routes import routes, websocket_paths

pytestmark = pytest.mark.fault("F75")
CHANNELS = [channel for contract in CONTRACTS for channel in contract.channels]
AT = datetime(2030, 1, 16, tzinfo=UTC)


def at(protocol: str) -> set[str | None]:
    return {channel.address for channel in CHANNELS if channel.protocol == protocol}


def test_every_websocket_is_described() -> None:
    assert at("ws") == set(websocket_paths())


def test_every_stream_is_described() -> None:
    streams = {route.path for route in routes() if isinstance(route, APIRoute) and is_stream(route.response_class)}
    assert at("sse") == streams


def is_stream(response_class: Any) -> bool:
    return isinstance(response_class, type) and issubclass(response_class, Stream)


def test_every_reference_of_the_document_leads_somewhere() -> None:
    whole = document(CHANNELS, "1", "https://lab.example.org")
    pointers = list(references(whole))
    assert len(pointers) > 100
    for pointer in pointers:
        place: Any = whole
        for part in pointer.removeprefix("#/").split("/"):
            place = place[part]
    assert whole["servers"]["sockets"] == {"host": "lab.example.org", "protocol": "wss"}
    for channel in CHANNELS:
        for parameter in whole["channels"][channel.name].get("parameters", ()):
            assert f"{{{parameter}}}" in whole["channels"][channel.name]["address"]


def references(node: Any) -> Iterator[str]:
    """All `$ref`s in the document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


FRAME = Frame("%1", "text", AT, (80, 24))
ID = uuid4()
PROFILES: dict[UUID, Any] = {}
MESSAGES: list[tuple[type, Any]] = [
    (chrote_channels.ConnectedJson, chrote.Connected(ID, "admin", "lab")),
    (chrote_channels.SessionsJson, chrote.SessionList([])),
    (chrote_channels.OutputJson, chrote.Output("lab", FRAME)),
    (chrote_channels.ClaimedJson, chrote.ClaimTaken("lab", ID, AT, PROFILES)),
    (chrote_channels.ReleasedJson, chrote.ClaimReleased("lab")),
    (chrote_channels.ClaimRequestedJson, chrote.ClaimRequested("lab", ID, PROFILES)),
    (chrote_channels.PresenceJson, chrote.PresenceMessage("lab", [ID], PROFILES)),
    (chrote_channels.ErrorJson, chrote.ErrorMessage("A", "b", chrote.ClaimDetails(ID, AT))),
    (display_channel.OfferJson, Offer({"type": "offer", "sdp": "v=0"})),
    (display_channel.CandidateJson, ServerCandidate({"candidate": "a", "sdpMid": "0", "sdpMLineIndex": 0})),
    (display_channel.DisplayErrorJson, ErrorMessage("no")),
    (neptuned_channels.TurnJson, neptuned.TurnMessage(TurnStatus(True, AT, 0, None))),
    (clarateach_channels.SeatOutputJson, clarateach.Output(FRAME)),
    (clarateach_channels.SeatErrorJson, clarateach.TerminalError("no")),
    (clarateach_channels.ExitJson, clarateach.Exit()),
]


@pytest.mark.parametrize(("kind", "message"), MESSAGES, ids=[kind.__name__ for kind, _ in MESSAGES])
def test_a_message_to_the_client_is_as_described(kind: type, message: Any) -> None:
    text = chrote.encode(message) if hasattr(message, "to_json") else message.encode()
    require_described(kind, json.loads(text))


def test_every_message_to_the_client_is_tried() -> None:
    elsewhere = {"LearnersJson", "JoinRequested", "Outcome"}  # typed where they are made, which mypy compares
    streamed = {"EventJson", "TaggedEventJson", "Notice"}  # below
    described = {message.__name__ for channel in CHANNELS for message in channel.to_client}
    assert described == {kind.__name__ for kind, _ in MESSAGES} | elsewhere | streamed


REQUESTS: dict[str, Any] = {
    "chrote.sessions": lambda text: chrote.parse_sessions_request(text),
    "chrote.terminal": lambda text: chrote.parse_terminal_request(text),
    "clarateach.terminal": lambda text: clarateach.parse_terminal_message(text),
    "clarateach.browser": lambda text: clarateach.parse_browser_message(text),
    "neptuned.connect": lambda text: neptuned.parse_socket_request(text),
    "neptuned.control": lambda text: neptuned.parse_channel_request(text),
}
VALUES: dict[str, Any] = {
    "string": "user_" + "1" * 32, "number": 3, "integer": 3, "null": None, "object": {}, "boolean": True,
}  # fmt: skip


@pytest.mark.parametrize("channel", [c for c in CHANNELS if c.from_client], ids=lambda c: c.name)
def test_the_server_takes_every_message_that_is_described(channel: Channel) -> None:
    for kind in channel.from_client:
        for message in examples(TypeAdapter(kind).json_schema()):
            REQUESTS[channel.name](json.dumps(message))


def examples(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A message of the schema for each value of its tag."""
    tag = "event" if "event" in schema["properties"] else "type"
    tags = schema["properties"][tag].get("enum") or [schema["properties"][tag]["const"]]
    for name in tags:
        yield {
            key: name if key == tag else example(part, schema.get("$defs", {}))
            for key, part in schema["properties"].items()
        }


def example(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """A value of the schema."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return example(schema["anyOf"][0], definitions)
    if "enum" in schema:
        return schema["enum"][-1]
    if schema.get("type") == "object" and "properties" in schema:
        return {key: example(part, definitions) for key, part in schema["properties"].items()}
    return VALUES[schema["type"]]


async def test_the_stream_sends_what_is_described(tenure: Served) -> None:
    async with tenure.client("alice") as alice:
        assert (await alice.post("/api/v1/workspaces", json={"name": "lab"})).status_code == 200
        async with stream(alice, after=0) as events:
            first = await anext(events)
            require_described(native_channels.EventJson, json.loads(first.data))
            while (event := await anext(events)).event != "ready":
                pass
            require_described(Notice, json.loads(event.data))
        published = (await alice.get("/asyncapi.json")).json()
    assert published["asyncapi"] == "3.0.0" and set(published["channels"]) == {channel.name for channel in CHANNELS}


def require_described(kind: type, message: dict[str, Any]) -> None:
    """Fail unless the message has the fields of the type, and no others."""
    try:
        TypeAdapter(kind).validate_json(json.dumps(message), extra="forbid")
    except ValidationError as error:
        raise AssertionError(f"{message} is no {kind.__name__}: {error}") from None


def test_another_field_is_no_message_as_described() -> None:
    with pytest.raises(AssertionError):
        require_described(clarateach_channels.ExitJson, {"type": "exit", "more": 1})
