"""/api/auth/register and /api/auth/login: instructors with a password (T49)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from application.instructors import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from domain.name import MAX_NAME_CHARS
from domain.user import User
from interfaces.clarateach import views as present
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.errors import errors
from interfaces.clarateach.rates import Limited
from interfaces.http.errors import Unauthenticated
from interfaces.http.identity import client_address, request_id
from interfaces.http.responses import Json

router = APIRouter(prefix="/api/auth", tags=["instructors"], route_class=Limited, responses=errors(400))
Password = Annotated[str, Field(min_length=MIN_PASSWORD_CHARS, max_length=MAX_PASSWORD_CHARS)]
Email = Annotated[str, Field(min_length=3, max_length=254)]


class Register(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"example": {"email": "ada@example.org", "password": "correct horse", "name": "Ada"}}
    )

    email: Email
    password: Password
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]
    invite: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="the token of an invite; the first one here needs none, nor does anybody where it is open"
    )


class LogIn(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"email": "ada@example.org", "password": "correct horse"}})

    email: Email
    password: Annotated[str, Field(max_length=MAX_PASSWORD_CHARS)]


class InstructorOut(BaseModel):
    id: UUID
    email: str
    name: str
    role: str
    created_at: datetime


class LoggedIn(BaseModel):
    token: str = Field(description="for Authorization: Bearer; good for 30 days from when it was last used")
    user: InstructorOut


@router.post("/register", status_code=201, response_model=LoggedIn)
async def register(request: Request, body: Register) -> Response:
    """An account, and a token for it."""
    token, user = await clarateach_deps(request).instructors.register(
        email=body.email,
        password=body.password,
        name=body.name,
        invite=body.invite,
        guesser=f"register {client_address(request)}",
        request_id=request_id(request),
    )
    return Json({"token": token, "user": await shown(request, user)}, 201)


@router.post("/login", response_model=LoggedIn, responses=errors(401))
async def log_in(request: Request, body: LogIn) -> Response:
    found = await clarateach_deps(request).instructors.log_in(
        email=body.email, password=body.password, guesser=f"login {client_address(request)}"
    )
    if found is None:
        raise Unauthenticated("wrong e-mail or password")
    token, user = found
    return Json({"token": token, "user": await shown(request, user)})


async def shown(request: Request, user: User) -> dict[str, Any]:
    profile = (await clarateach_deps(request).profiles.profiles([user.id])).get(user.id)
    told = {"id": str(user.id), "email": profile.email if profile else "", "name": profile.name if profile else ""}
    return told | {"role": str(user.role), "created_at": present.utc(user.joined_at)}
