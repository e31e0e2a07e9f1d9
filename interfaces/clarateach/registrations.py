"""/api/register and /api/session: registration for a workshop that does not run yet (T49)."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from domain.name import MAX_NAME_CHARS
from domain.workshop_status import Status
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.errors import errors
from interfaces.clarateach.rates import Limited
from interfaces.http.identity import client_address, request_id
from interfaces.http.responses import Json

router = APIRouter(tags=["seats"], route_class=Limited, responses=errors(400, 404))
REGISTERED = "You are registered. Keep the access code: it opens your seat."
ALREADY_REGISTERED = "You are registered already. This is your access code."
OTHER_NAME = "This address is registered already, under another name. Write the name as you did then."


class Registration(BaseModel):
    """A registration for a workshop."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"workshop_code": "CLAU-XY9Z", "email": "lena@example.org", "name": "Lena"}}
    )

    workshop_code: Annotated[str, Field(min_length=4, max_length=20)]
    email: Annotated[str, Field(min_length=3, max_length=254)]
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]


class Registered(BaseModel):
    """The access code, XXX-XXXX."""

    access_code: str = Field(description="opens the session; empty for an address registered under another name")
    already_registered: bool
    message: str


class Session(BaseModel):
    """The seat of a registered person, once the workshop runs."""

    status: Literal["pending", "ready", "stopped"]
    workshop_id: str
    name: str
    runtime_type: str = "docker"
    endpoint: str = Field("", description="when it is ready, as are the next two")
    token: str = ""
    seat: int = 0


@router.post("/api/register", response_model=Registered)
async def register(request: Request, body: Registration) -> Response:
    """Register for a workshop. Registering again, with the same address and name, gives the same access code."""
    code = await clarateach_deps(request).registering.register(
        code=body.workshop_code, email=body.email, name=body.name, address=client_address(request)
    )
    message = REGISTERED if code.is_new else ALREADY_REGISTERED if code.text else OTHER_NAME
    return Json({"access_code": code.text, "already_registered": not code.is_new, "message": message})


@router.get("/api/session/{access_code}", response_model=Session, responses=errors(410))
async def session(request: Request, access_code: str) -> Response:
    """The seat of a registered person, once the workshop runs: the same one each time.

    While it is stopped the status says so; once it is deleted the answer is 410.
    """
    deps = clarateach_deps(request)
    workshop, name, seat = await deps.registering.session(access_code, client_address(request), request_id(request))
    is_stopped = workshop.status in (Status.STOPPING, Status.STOPPED)
    status = "ready" if seat else "stopped" if is_stopped else "pending"
    body: dict[str, str | int] = {"status": status, "workshop_id": workshop.number}
    body["name"] = name
    if seat:
        body |= {"endpoint": deps.url, "token": seat.token, "seat": seat.seat}
    return Json(body | {"runtime_type": "docker"})
