"""The dependencies of the ClaraTeach endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from application.instructors import Instructors
from application.ports.displays import Displays
from application.ports.files import Files
from application.ports.limits import RateLimiter
from application.ports.people import People, Profiles
from application.ports.presence import Presence
from application.ports.terminals import Terminals
from application.ports.workshops import Learners, SeatTokens
from application.registrations import Registering
from application.seats import Seats
from application.workshops import Workshops
from projections.hub import Hub
from projections.query import Queries


@dataclass(frozen=True)
class ClaraTeachDeps:
    """The commands, queries and ports of workshops, and this server's addresses."""

    queries: Queries
    hub: Hub
    people: People
    profiles: Profiles
    instructors: Instructors
    workshops: Workshops
    seats: Seats
    seat_tokens: SeatTokens
    registering: Registering
    learners: Learners
    terminals: Terminals
    presence: Presence
    files: Files  # of the local region's machines
    displays: Displays  # of the local region's machines
    rate_limiter: RateLimiter
    rate_limits: Mapping[str, int]  # requests of each kind from one address in an hour
    url: str  # this server's public URL, without a slash at the end
    portal_is_open: bool  # local and private requests without credentials are the local instructor's


def clarateach_deps(connection: HTTPConnection) -> ClaraTeachDeps:
    """The dependencies, as the application holds them."""
    deps: ClaraTeachDeps = connection.app.state.clarateach
    return deps
