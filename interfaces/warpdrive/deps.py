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
    """The queries, commands and ports that this contract's endpoints call."""

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
    region_header: str | None  # names the client's region, set by a trusted proxy


def warpdrive_deps(connection: HTTPConnection) -> WarpdriveDeps:
    """The dependencies, as the application was built with them."""
    deps: WarpdriveDeps = connection.app.state.warpdrive
    return deps
