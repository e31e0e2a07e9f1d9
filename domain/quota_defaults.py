"""What users may hold only so many of, and how many by default."""

from __future__ import annotations

from enum import StrEnum

from domain.role import Role

MAX_THINGS = 1_000_000
NO_ROLE = "none"  # of users who are no members, such as those whom a proxy names


class Kind(StrEnum):
    """What a user may hold only so many of."""

    WORKSPACES = "workspaces"
    SESSIONS = "sessions"  # hosted, each with a machine of its own
    SEATS = "seats"  # of all workshops together
    MACHINES = "machines"  # virtual ones
    STREAMS = "streams"  # streams and sockets that are open at once, of one process
    KEYS = "keys"


ORDINARY = {
    Kind.WORKSPACES: 20,
    Kind.SESSIONS: 10,
    Kind.SEATS: 100,
    Kind.MACHINES: 20,
    Kind.STREAMS: 100,
    Kind.KEYS: 50,
}
OF_ADMINISTRATORS = {kind: 5 * limit for kind, limit in ORDINARY.items()}
DEFAULTS: dict[str, dict[Kind, int]] = {
    NO_ROLE: ORDINARY,
    Role.VIEWER: ORDINARY,
    Role.OPERATOR: ORDINARY,
    Role.ADMIN: OF_ADMINISTRATORS,
    Role.OWNER: OF_ADMINISTRATORS,
}
