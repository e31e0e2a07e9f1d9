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
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.errors import errors
from interfaces.clarateach.rates import Limited
from interfaces.clarateach.views import to_the_second
from interfaces.http.errors import Unauthenticated
from interfaces.http.identity import client_address, request_id
from interfaces.http.local_and_private import is_local_and_private
from interfaces.http.responses import Json

router = APIRouter(prefix="/api/auth", tags=["instructors"], route_class=Limited, responses=errors(400))
Password = Annotated[str, Field(min_length=MIN_PASSWORD_CHARS, max_length=MAX_PASSWORD_CHARS)]
Email = Annotated[str, Field(min_length=3, max_length=254)]


class Register(BaseModel):
    """A new account of an instructor."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"email": "ada@example.org", "password": "correct horse", "name": "Ada"}}
    )

    email: Email
    password: Password
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]
    invite: Annotated[str, Field(max_length=200)] | None = Field(
        None,
        description="an invite's token; not needed for the first account on this machine, nor if registration is open",
    )


class LogIn(BaseModel):
    """The credentials of an account."""

    model_config = ConfigDict(json_schema_extra={"example": {"email": "ada@example.org", "password": "correct horse"}})

    email: Email
    password: Annotated[str, Field(max_length=MAX_PASSWORD_CHARS)]


class InstructorOut(BaseModel):
    """An instructor's account."""

    id: UUID
    email: str
    name: str
    role: str
    created_at: datetime


class LoggedIn(BaseModel):
    """A token, and the account that it is for."""

    token: str = Field(description="for Authorization: Bearer; valid until 30 days after its last use")
    user: InstructorOut


@router.post("/register", status_code=201, response_model=LoggedIn, responses=errors(410))
async def register(request: Request, body: Register) -> Response:
    """Create an account, and a token for it."""
    token, user = await clarateach_deps(request).instructors.register(
        email=body.email,
        password=body.password,
        name=body.name,
        invite=body.invite,
        address=client_address(request),
        request_id=request_id(request),
        may_own=is_local_and_private(request),
    )
    return Json({"token": token, "user": await instructor_json(request, user)}, 201)


@router.post("/login", response_model=LoggedIn, responses=errors(401))
async def log_in(request: Request, body: LogIn) -> Response:
    """A new token for an account."""
    login = await clarateach_deps(request).instructors.log_in(
        email=body.email, password=body.password, address=client_address(request)
    )
    if login is None:
        raise Unauthenticated("wrong e-mail or password")
    token, user = login
    return Json({"token": token, "user": await instructor_json(request, user)})


async def instructor_json(request: Request, user: User) -> dict[str, Any]:
    """The `InstructorOut` of a user."""
    profile = (await clarateach_deps(request).profiles.profiles([user.id])).get(user.id)
    return {
        "id": str(user.id),
        "email": profile.email if profile else "",
        "name": profile.name if profile else "",
        "role": str(user.role),
        "created_at": to_the_second(user.joined_at),
    }
