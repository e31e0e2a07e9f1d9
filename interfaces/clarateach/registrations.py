"""/api/register and /api/session: coming to a workshop that does not run yet (T49)."""

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
NEW = "You are registered. Keep the access code: it is not shown again."
BEFORE = "You are registered already. Use the access code that you were given then."


class Registration(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"example": {"workshop_code": "CLAU-XY9Z", "email": "lena@example.org", "name": "Lena"}}
    )

    workshop_code: Annotated[str, Field(min_length=4, max_length=20)]
    email: Annotated[str, Field(min_length=3, max_length=254)]
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]


class Registered(BaseModel):
    access_code: str = Field(description="what opens the session; empty for who was told it before")
    already_registered: bool
    message: str


class Session(BaseModel):
    status: Literal["pending", "ready"]
    workshop_id: str
    name: str
    runtime_type: str = "docker"
    endpoint: str = Field("", description="when it is ready, as are the next two")
    token: str = ""
    seat: int = 0


@router.post("/api/register", response_model=Registered)
async def register(request: Request, body: Registration) -> Response:
    """Say that you will come. Whoever else knows your e-mail is not told your code."""
    code = await clarateach_deps(request).registering.register(
        code=body.workshop_code, email=body.email, name=body.name, guesser=f"join {client_address(request)}"
    )
    return Json({"access_code": code or "", "already_registered": code is None, "message": NEW if code else BEFORE})


@router.get("/api/session/{access_code}", response_model=Session)
async def session(request: Request, access_code: str) -> Response:
    """Your seat, as soon as the workshop runs: the same one each time."""
    deps = clarateach_deps(request)
    workshop, name, taken = await deps.registering.session(
        access_code, f"join {client_address(request)}", request_id(request)
    )
    told = {"status": "ready" if taken else "pending", "workshop_id": workshop.number, "name": name}
    if taken:
        told |= {"endpoint": deps.url, "token": taken.token, "seat": taken.seat}  # type: ignore[dict-item]
    return Json(told | {"runtime_type": "docker"})
