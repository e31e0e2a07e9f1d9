"""Who asks, in ClaraTeach: an instructor about workshops, a learner in a seat of one.

who: Instructor            in an endpoint; whoever does not say who they are is, where the portal is open,
                           the instructor of this machine
sits: Sits                 in an endpoint below /vm/{seat}: a token of this very seat came along
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from starlette.requests import HTTPConnection

from application.access import Actor
from domain.errors import NotAllowed
from domain.seat import parse_seat
from interfaces.clarateach.deps import clarateach_deps
from interfaces.http import cookies as cookie
from interfaces.http import identity
from interfaces.http import instructors as password
from interfaces.http.errors import Unauthenticated
from projections import seats

SCHEME = "clarateach"
HOUSE = "the instructor of this machine"


@dataclass(frozen=True)
class Sitting:
    """Who sits in a seat, and which machine that is."""

    workshop: str  # its number
    workshop_id: UUID
    seat: int
    learner_id: UUID
    machine_id: UUID  # the workspace


async def instructor(connection: HTTPConnection) -> Actor:
    deps = clarateach_deps(connection)
    if who := await password.find_instructor(connection) or await identity.key_holder(connection):
        return who
    if any(header in connection.headers for header in identity.HEADERS):
        return await identity.current_actor(connection)
    if who := await cookie.signed_in_member(connection):
        return who
    if not deps.portal_is_open:
        raise Unauthenticated("sign in as an instructor: POST /api/auth/login")
    if identity.host_name(connection) not in deps.hosts:
        raise Unauthenticated(f"who does not sign in is served on {', '.join(sorted(deps.hosts))} only")
    cookie.require_own_origin(connection)  # a page of somebody else's may not ask for who looks at it
    user_id = await deps.people.identify(SCHEME, HOUSE)
    return Actor(user_id=user_id, name=HOUSE, request_id=identity.request_id(connection))


async def sitting(connection: HTTPConnection, seat: str) -> Sitting:
    """Raises `Unauthenticated` without a good token, `NotAllowed` for that of another seat."""
    deps = clarateach_deps(connection)
    token = token_of(connection)
    admission = await deps.seat_tokens.read(token) if token else None
    if admission is None:
        raise Unauthenticated("a good token of this seat is needed, from POST /api/join")
    number = parse_seat(seat)
    if admission.seat != number:
        raise NotAllowed("this token is one of another seat")
    row = await seats.get_taken(deps.queries, admission.workshop, number, admission.learner_id)
    if row is None:
        raise Unauthenticated("nobody sits there with this token any more; join again")
    if row.machine_id is None or not row.ready:
        raise NotAllowed("this seat's machine is being replaced; try again shortly")
    return Sitting(admission.workshop, row.workshop_id, number, admission.learner_id, row.machine_id)


def token_of(connection: HTTPConnection) -> str:
    """From the header; where a browser cannot set that, from the address (T25)."""
    said = connection.headers.getlist("authorization")
    return identity.bearer_token(said) if said else connection.query_params.get("token", "")


Instructor = Annotated[Actor, Depends(instructor)]
Sits = Annotated[Sitting, Depends(sitting)]
