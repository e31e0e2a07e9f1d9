"""Channels: the streams and sockets of a contract, with their messages as types, for the published reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Protocol = Literal["ws", "sse", "webrtc"]


@dataclass(frozen=True)
class Channel:
    """A WebSocket, a stream of Server-Sent Events, or a WebRTC data channel.

    Messages are `TypedDict`s of their JSON. The name of a message of Server-Sent Events, or "" for one without a
    name, is its key.
    """

    name: str  # of this channel among all, such as "native.events"
    protocol: Protocol
    address: str | None  # as the route has it; None: a WebRTC data channel, which another channel arranges
    summary: str
    credential: str  # a sentence: what proves who asks
    to_client: tuple[type, ...]
    from_client: tuple[type, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)  # parameters of the query, each with a description
    closes: Mapping[int, str] = field(default_factory=dict)  # codes of a WebSocket's end, each with when
    subprotocol: str | None = None
    method: Literal["GET", "POST"] = "GET"
    body: type | None = None  # of a POST, as a pydantic model
