"""/api/workshops: what instructors do."""

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
from interfaces.clarateach import attendance
from interfaces.clarateach import views as present
from interfaces.clarateach.credentials import Instructor
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.errors import errors
from interfaces.clarateach.rates import Limited
from interfaces.clarateach.views import LearnersOut, ManyWorkshops, OneWorkshop, Success
from interfaces.http.responses import Json
from interfaces.http.sse import Stream, sending
from projections import workshops
from projections.workshops import WorkshopRow

router = APIRouter(prefix="/api/workshops", tags=["workshops"], route_class=Limited, responses=errors(400, 401))
OF_ONE = errors(404)
Id = Annotated[str, Path(description="the workshop's", examples=["ws-abc234"])]
# What the domain decides is told here, in the published schema, and not decided twice.
Name = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS})]
Number = Annotated[StrictInt, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_SEATS})]
Key = Annotated[str, WithJsonSchema({"type": "string", "minLength": MIN_API_KEY_CHARS, "maxLength": MAX_API_KEY_CHARS})]
Seconds = Annotated[StrictInt, WithJsonSchema({"type": "integer", "minimum": 1})]


class CreateWorkshopRequest(BaseModel):
    """What a new workshop shall be (T11). Fields that are not named here are ignored."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "Basics", "seats": 10, "api_key": "sk-ant-api03-0000000000"}}
    )

    name: Name
    seats: Number = Field(description="each with a machine of its own")
    api_key: Key = Field(description="kept sealed, told to the seats' machines alone, and never shown again")


class Extend(BaseModel):
    seconds: Seconds = Field(description="to add to its term")


@router.get("", response_model=ManyWorkshops)
async def list_workshops(request: Request, who: Instructor) -> Response:
    """Those that you have made, the newest first."""
    require(who, "workshop.list")
    found = await workshops.list_owned_by(clarateach_deps(request).queries, who.user_id)
    shown = [present.workshop(row, *where(request)) for row in found.rows]
    return Json({"workshops": shown}, headers={"x-tenure-position": str(found.position)})


@router.post("", status_code=201, response_model=OneWorkshop)
async def create_workshop(request: Request, who: Instructor, body: CreateWorkshopRequest) -> Response:
    """A new one. It has a code already, and can be joined when it runs."""
    made = await clarateach_deps(request).workshops.create(who, name=body.name, seats=body.seats, api_key=body.api_key)
    return one(request, made, 201)


@router.get("/{id}", response_model=OneWorkshop, responses=OF_ONE)
async def get_workshop(request: Request, who: Instructor, id: Id) -> Response:
    row = await own(request, who, id)
    return Json({"workshop": present.workshop(row, *where(request))})


@router.post("/{id}/start", status_code=202, response_model=OneWorkshop, responses=OF_ONE)
async def start_workshop(request: Request, who: Instructor, id: Id) -> Response:
    """Give each seat a machine. It is `running` when all are; until then it is `provisioning`."""
    return one(request, await clarateach_deps(request).workshops.start(who, id), 202)


@router.post("/{id}/stop", response_model=Success, responses=OF_ONE)
async def stop_workshop(request: Request, who: Instructor, id: Id) -> Response:
    """Destroy the machines, with all that was made on them. It is `stopped` when that is done."""
    await clarateach_deps(request).workshops.stop(who, id)
    return Json({"success": True})


@router.post("/{id}/extend", response_model=OneWorkshop, responses=OF_ONE)
async def extend_workshop(request: Request, who: Instructor, id: Id, body: Extend) -> Response:
    """Let it run for so many seconds more."""
    return one(request, await clarateach_deps(request).workshops.extend(who, id, body.seconds))


@router.delete("/{id}", response_model=Success, responses=OF_ONE)
async def delete_workshop(request: Request, who: Instructor, id: Id) -> Response:
    """Also one that runs: its machines are destroyed then. Its code is free (T48)."""
    await clarateach_deps(request).workshops.delete(who, id)
    return Json({"success": True})


@router.get("/{id}/learners", response_model=LearnersOut, responses=OF_ONE)
async def list_learners(request: Request, who: Instructor, id: Id) -> Response:
    """Who sits where, since when, and whether they are there now (T48)."""
    return Json(await attendance.learners(clarateach_deps(request), await own(request, who, id)))


@router.get("/{id}/learners/stream", response_class=Stream, responses=OF_ONE)
async def follow_learners(request: Request, who: Instructor, id: Id) -> Stream:
    """The list as it is, and again whenever somebody comes, goes, connects or hangs up: events `learners`."""
    deps = clarateach_deps(request)
    frames = attendance.changes(deps, who, await own(request, who, id))
    return Stream(frames, **sending(request))


@router.delete("/{id}/learners/{seat}", response_model=Success, responses=OF_ONE)
async def end_seat(request: Request, who: Instructor, id: Id, seat: str) -> Response:
    """Send somebody away. What they made goes with the machine, and the seat is free when it has another one."""
    await clarateach_deps(request).workshops.end_seat(who, id, parse_seat(seat))
    return Json({"success": True})


async def own(request: Request, who: Actor, id: str) -> WorkshopRow:
    """The caller's workshop. `NotFound` for what has gone, and for another's."""
    row = await workshops.get_by_number(clarateach_deps(request).queries, id)
    if row is None:
        raise NotFound("no such workshop")
    require(who, "workshop.see", row.owner_id)
    return row


def one(request: Request, it: Workshop, status: int = 200) -> Response:
    return Json({"workshop": present.workshop(it, *where(request))}, status)


def where(request: Request) -> tuple[str, str]:
    """Where seats are found: this server's own address, and its host."""
    url = clarateach_deps(request).url
    return url, urlsplit(url).hostname or ""
