"""Credentials of ClaraTeach's endpoints: an instructor for workshops, and a learner's token for a seat.

actor: Instructor            the instructor of a request; where the portal is open and there are no credentials,
                             the instructor of this machine
seat_session: CurrentSeat    below /vm/{seat}: the seat that the request's token opens
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from starlette.requests import HTTPConnection

from application.access import Actor
from domain.errors import NotAllowed, NotFound
from domain.seat import parse_seat
from domain.workshop_status import Status
from interfaces.clarateach.deps import clarateach_deps
from interfaces.http import cookies, identity, instructors
from interfaces.http.deps import http_deps
from interfaces.http.edge_rules import FORWARDED_PORTAL
from interfaces.http.errors import Unauthenticated
from interfaces.http.leases import Lease, lease_of
from interfaces.http.local_and_private import is_local_and_private
from interfaces.http.origins import require_own_origin
from projections import seats, workshops

SCHEME = "clarateach"
LOCAL_INSTRUCTOR = "the instructor of this machine"


class MachineReplaced(NotFound):
    """The seat has another machine than the one that the socket shows."""

    def __init__(self) -> None:
        super().__init__("the seat has another machine now")


@dataclass(frozen=True)
class SeatSession:
    """A learner in a seat, and the machine of the seat."""

    workshop: str  # its number
    workshop_id: UUID
    seat: int
    learner_id: UUID
    machine_id: UUID  # the workspace
    expires_at: datetime | None  # of the token


async def instructor(connection: HTTPConnection) -> Actor:
    """The instructor of a request. Raises `Unauthenticated`, and `NotAllowed` for a page of another origin."""
    deps = clarateach_deps(connection)
    if actor := await instructors.find_instructor(connection) or await identity.key_holder(connection):
        return actor
    if identity.has_identity_header(connection):
        return await identity.current_actor(connection)
    if actor := await cookies.signed_in_member(connection):
        return actor
    if deps.portal_is_open:
        require_own_origin(connection)  # else any page in the browser could act as the local instructor
    if not (deps.portal_is_open and is_local_and_private(connection)):
        raise Unauthenticated(FORWARDED_PORTAL.sentence)
    user_id = await deps.people.identify(SCHEME, LOCAL_INSTRUCTOR)
    return Actor(user_id=user_id, name=LOCAL_INSTRUCTOR, request_id=identity.request_id(connection))


async def current_seat(connection: HTTPConnection, seat: str) -> SeatSession:
    """The seat of the token. Raises `Unauthenticated` without a valid token, `NotAllowed` for another seat's token."""
    deps = clarateach_deps(connection)
    token = seat_token(connection)
    admission = await deps.seat_tokens.read(token) if token else None
    if admission is None:
        raise Unauthenticated("a good token of this seat is needed, from POST /api/join")
    number = parse_seat(seat)
    if admission.seat != number:
        raise NotAllowed("this token is one of another seat")
    row = await seats.get_taken(deps.queries, admission.workshop, number, admission.learner_id)
    if row is None:
        raise Unauthenticated(await why_seat_is_lost(connection, admission.workshop))
    if row.machine_id is None or not row.ready:
        raise NotAllowed("this seat's machine is being replaced; try again shortly")
    return SeatSession(
        admission.workshop, row.workshop_id, number, admission.learner_id, row.machine_id, admission.expires_at
    )


async def why_seat_is_lost(connection: HTTPConnection, workshop: str) -> str:
    """The sentence for a learner whose token was good, and opens the seat no longer."""
    row = await workshops.get_by_number(clarateach_deps(connection).queries, workshop)
    if row is None or row.status != Status.RUNNING:
        return "this workshop has ended, and its machines with it; ask your instructor"
    return "this seat has no learner, or another one, by now; join again"


@contextmanager
def seat_lease(connection: HTTPConnection, seat_session: SeatSession) -> Iterator[Lease]:
    """The lease of a socket of a seat: until its token is over, or the seat is somebody else's or has a new machine."""

    async def require_seat() -> SeatSession:
        current = await current_seat(connection, str(seat_session.seat))
        if current.machine_id != seat_session.machine_id:
            raise MachineReplaced
        return current

    ids = {seat_session.workshop_id, seat_session.learner_id}
    with lease_of(http_deps(connection), ids, require_seat, seat_session.expires_at) as held_lease:
        yield held_lease


def seat_stream(connection: HTTPConnection, seat_session: SeatSession) -> AbstractAsyncContextManager[None]:
    """Count a socket of the learner's as open during the block. Raises `TooManyStreams`."""
    learner = Actor(seat_session.learner_id, "", identity.request_id(connection))
    return http_deps(connection).quotas.stream(learner)


def seat_token(connection: HTTPConnection) -> str:
    """The token in the Authorization header, else in the query: browsers cannot set headers of a WebSocket (T25)."""
    headers = connection.headers.getlist("authorization")
    return identity.bearer_token(headers) if headers else connection.query_params.get("token", "")


Instructor = Annotated[Actor, Depends(instructor)]
CurrentSeat = Annotated[SeatSession, Depends(current_seat)]
