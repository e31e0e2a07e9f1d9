"""The dependencies of the CHROTE endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from application.claims import Claims
from application.instructors import Instructors
from application.invites import Invites
from application.logins import Logins
from application.ports.clock import Clock
from application.ports.logins import PendingSignIns, Provider
from application.ports.people import Profiles
from application.ports.presence import Presence
from application.ports.terminals import Terminals
from application.terminals import TerminalInput
from application.users import Users
from interfaces.chrote.shared_frames import SharedFrames
from projections.hub import Hub
from projections.query import Queries


@dataclass(frozen=True)
class ChroteDeps:
    queries: Queries
    hub: Hub
    clock: Clock
    profiles: Profiles
    users: Users
    invites: Invites
    logins: Logins
    instructors: Instructors
    providers: Mapping[str, Provider]  # to sign in with, by their name in /auth/NAME
    pending_sign_ins: PendingSignIns
    claims: Claims
    terminals: Terminals
    terminal_input: TerminalInput
    presence: Presence
    shared_frames: SharedFrames
    url: str  # the public one, without a slash at the end
    heartbeat_seconds: float  # of silence, after which a socket is closed


def chrote_deps(connection: HTTPConnection) -> ChroteDeps:
    deps: ChroteDeps = connection.app.state.chrote
    return deps
