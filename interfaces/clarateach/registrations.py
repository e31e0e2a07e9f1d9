"""/api/register and /api/session: registration for a workshop that does not run yet (T49)."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from domain.name import MAX_NAME_CHARS
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.errors import errors
from interfaces.clarateach.rates import Limited
from interfaces.http.identity import client_address, request_id
from interfaces.http.responses import Json

router = APIRouter(tags=["seats"], route_class=Limited, responses=errors(400, 404))
REGISTERED = "You are registered. Keep the access code: it is not shown again."
ALREADY_REGISTERED = "You are registered already. Use the access code that you were given then."


class Registration(BaseModel):
    """A registration for a workshop."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"workshop_code": "CLAU-XY9Z", "email": "lena@example.org", "name": "Lena"}}
    )

    workshop_code: Annotated[str, Field(min_length=4, max_length=20)]
    email: Annotated[str, Field(min_length=3, max_length=254)]
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]


class Registered(BaseModel):
    """The access code, the first time only."""

    access_code: str = Field(description="opens the session; empty for an address that was registered before")
    already_registered: bool
    message: str


class Session(BaseModel):
    """The seat of a registered person, once the workshop runs."""

    status: Literal["pending", "ready"]
    workshop_id: str
    name: str
    runtime_type: str = "docker"
    endpoint: str = Field("", description="when it is ready, as are the next two")
    token: str = ""
    seat: int = 0


@router.post("/api/register", response_model=Registered)
async def register(request: Request, body: Registration) -> Response:
    """Register for a workshop. The access code is shown once: an e-mail address alone must not open a seat."""
    code = await clarateach_deps(request).registering.register(
        code=body.workshop_code, email=body.email, name=body.name, guesser=f"join {client_address(request)}"
    )
    message = REGISTERED if code else ALREADY_REGISTERED
    return Json({"access_code": code or "", "already_registered": code is None, "message": message})


@router.get("/api/session/{access_code}", response_model=Session)
async def session(request: Request, access_code: str) -> Response:
    """The seat of a registered person, once the workshop runs: the same one each time."""
    deps = clarateach_deps(request)
    workshop, name, seat = await deps.registering.session(
        access_code, f"join {client_address(request)}", request_id(request)
    )
    body: dict[str, str | int] = {"status": "ready" if seat else "pending", "workshop_id": workshop.number}
    body["name"] = name
    if seat:
        body |= {"endpoint": deps.url, "token": seat.token, "seat": seat.seat}
    return Json(body | {"runtime_type": "docker"})
