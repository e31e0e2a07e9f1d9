"""/api/workshops: the workshops of an instructor."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt, WithJsonSchema
from starlette.requests import Request

from application.access import Actor, require
from application.workshops import MAX_API_KEY_CHARS, MIN_API_KEY_CHARS
from domain.errors import NotFound
from domain.name import MAX_NAME_CHARS
from domain.seat import MAX_SEATS, parse_seat
from domain.workshop import Workshop
from interfaces.clarateach import attendance, views
from interfaces.clarateach.credentials import Instructor, instructor
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.errors import errors
from interfaces.clarateach.rates import Limited
from interfaces.clarateach.views import LearnersOut, ManyWorkshops, OneWorkshop, Success
from interfaces.http.leases import leased
from interfaces.http.responses import Json
from interfaces.http.sse import Stream, stream_options
from projections import workshops
from projections.workshops import WorkshopRow

router = APIRouter(prefix="/api/workshops", tags=["workshops"], route_class=Limited, responses=errors(400, 401))
OF_ONE = errors(404)
Id = Annotated[str, Path(description="the workshop's", examples=["ws-abc234"])]
# The domain validates these; the bounds stand here for the published schema only.
Name = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS})]
Number = Annotated[StrictInt, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_SEATS})]
Key = Annotated[str, WithJsonSchema({"type": "string", "minLength": MIN_API_KEY_CHARS, "maxLength": MAX_API_KEY_CHARS})]
Seconds = Annotated[StrictInt, WithJsonSchema({"type": "integer", "minimum": 1})]


class CreateWorkshopRequest(BaseModel):
    """A new workshop (T11). Unknown fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "Basics", "seats": 10, "api_key": "sk-ant-api03-0000000000"}}
    )

    name: Name
    seats: Number = Field(description="each with a machine of its own")
    api_key: Key = Field(description="stored sealed, handed to the machines of the seats only, and never shown again")


class Extend(BaseModel):
    """A longer term."""

    seconds: Seconds = Field(description="to add to its term")


@router.get("", response_model=ManyWorkshops)
async def list_workshops(request: Request, actor: Instructor) -> Response:
    """The workshops of the caller, newest first."""
    require(actor, "workshop.list")
    listing = await workshops.list_owned_by(clarateach_deps(request).queries, actor.user_id)
    rows = [views.workshop(row, *seat_address(request)) for row in listing.rows]
    return Json({"workshops": rows}, headers={"x-tenure-position": str(listing.position)})


@router.post("", status_code=201, response_model=OneWorkshop)
async def create_workshop(request: Request, actor: Instructor, body: CreateWorkshopRequest) -> Response:
    """Create a workshop. It has a code at once, and can be joined when it runs."""
    commands = clarateach_deps(request).workshops
    workshop = await commands.create(actor, name=body.name, seats=body.seats, api_key=body.api_key)
    return workshop_response(request, workshop, 201)


@router.get("/{id}", response_model=OneWorkshop, responses=OF_ONE)
async def get_workshop(request: Request, actor: Instructor, id: Id) -> Response:
    """A workshop of the caller."""
    row = await own_workshop(request, actor, id)
    return Json({"workshop": views.workshop(row, *seat_address(request))})


@router.post("/{id}/start", status_code=202, response_model=OneWorkshop, responses=OF_ONE)
async def start_workshop(request: Request, actor: Instructor, id: Id) -> Response:
    """Give each seat a machine. The workshop is `running` when all are ready, and `provisioning` until then."""
    return workshop_response(request, await clarateach_deps(request).workshops.start(actor, id), 202)


@router.post("/{id}/stop", response_model=Success, responses=OF_ONE)
async def stop_workshop(request: Request, actor: Instructor, id: Id) -> Response:
    """Destroy the machines and all files on them. The workshop is `stopped` when that is done."""
    await clarateach_deps(request).workshops.stop(actor, id)
    return Json({"success": True})


@router.post("/{id}/extend", response_model=OneWorkshop, responses=OF_ONE)
async def extend_workshop(request: Request, actor: Instructor, id: Id, body: Extend) -> Response:
    """Add seconds to the term of a workshop."""
    return workshop_response(request, await clarateach_deps(request).workshops.extend(actor, id, body.seconds))


@router.delete("/{id}", response_model=Success, responses=OF_ONE)
async def delete_workshop(request: Request, actor: Instructor, id: Id) -> Response:
    """Delete a workshop, also a running one, with its machines. Its code may be used again (T48)."""
    await clarateach_deps(request).workshops.delete(actor, id)
    return Json({"success": True})


@router.get("/{id}/learners", response_model=LearnersOut, responses=OF_ONE)
async def list_learners(request: Request, actor: Instructor, id: Id) -> Response:
    """The learners with their seats, since when, and whether they are connected (T48)."""
    return Json(await attendance.list_learners(clarateach_deps(request), await own_workshop(request, actor, id)))


@router.get("/{id}/learners/stream", response_class=Stream, responses=OF_ONE)
async def follow_learners(request: Request, actor: Instructor, id: Id) -> Stream:
    """The list now, and again whenever a learner joins, leaves, connects or disconnects: events `learners`."""
    deps = clarateach_deps(request)
    frames = attendance.follow_learners(deps, actor, await own_workshop(request, actor, id))
    return Stream(leased(request, actor, instructor, frames), **await stream_options(request, actor))


@router.delete("/{id}/learners/{seat}", response_model=Success, responses=OF_ONE)
async def end_seat(request: Request, actor: Instructor, id: Id, seat: str) -> Response:
    """Remove a learner, with the machine and its files. The seat is free when it has a new machine."""
    await clarateach_deps(request).workshops.end_seat(actor, id, parse_seat(seat))
    return Json({"success": True})


async def own_workshop(request: Request, actor: Actor, id: str) -> WorkshopRow:
    """A workshop of the caller. Raises `NotFound` for a deleted one, and for somebody else's."""
    row = await workshops.get_by_number(clarateach_deps(request).queries, id)
    if row is None:
        raise NotFound("no such workshop")
    require(actor, "workshop.see", row.owner_id)
    return row


def workshop_response(request: Request, workshop: Workshop, status: int = 200) -> Response:
    """The answer of a command: the workshop that it has changed."""
    return Json({"workshop": views.workshop(workshop, *seat_address(request))}, status)


def seat_address(request: Request) -> tuple[str, str]:
    """The URL and the host of the seats, which are those of this server."""
    url = clarateach_deps(request).url
    return url, urlsplit(url).hostname or ""
