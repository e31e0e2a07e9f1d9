"""What sessions by approval depend on."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from application.api_keys import ApiKeys
from application.guests import Guests
from application.hosted_sessions import HostedSessions
from application.platform import Platform
from application.ports.api_keys import KeyRows, Tokens
from application.ports.clock import Clock
from application.ports.hosted_sessions import JoinRequests
from application.waiting_room import WaitingRoom
from projections.hub import Hub
from projections.query import Queries


@dataclass(frozen=True)
class WarpdriveDeps:
    queries: Queries
    hub: Hub
    clock: Clock
    platform: Platform
    hosted_sessions: HostedSessions
    guests: Guests
    join_requests: JoinRequests
    waiting_room: WaitingRoom
    api_keys: ApiKeys
    api_key_rows: KeyRows
    tokens: Tokens
    region_header: str | None  # in which a trusted proxy says where a request comes from


def warpdrive_deps(connection: HTTPConnection) -> WarpdriveDeps:
    deps: WarpdriveDeps = connection.app.state.warpdrive
    return deps
