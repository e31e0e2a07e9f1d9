"""/register, /login, and the commands of a user on their own account (N34 to N40)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StrictStr
from starlette.requests import Request

from application.instructors import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from application.vm_accounts import WrongPassword, proof_of
from domain.errors import Invalid
from interfaces.http.errors import Unauthenticated, errors
from interfaces.http.identity import client_address, request_id
from interfaces.http.local_and_private import is_local_and_private
from interfaces.http.responses import Json
from interfaces.neptuned.credentials import BASE, Member
from interfaces.neptuned.deps import neptuned_deps

router = APIRouter(prefix=BASE, tags=["accounts"])
Username = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Password = Annotated[StrictStr, Field(min_length=MIN_PASSWORD_CHARS, max_length=MAX_PASSWORD_CHARS)]
NO_STORE = {"Cache-Control": "no-store"}


class Register(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"username": "ada", "password": "correct horse"}})

    username: Username
    password: Password
    invite: Annotated[StrictStr, Field(max_length=200)] | None = Field(
        None, description="the token of the link that `tenure up` prints: it makes its bearer the owner"
    )


class LogIn(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"username": "ada", "password": "correct horse"}})

    username: Username
    password_hash: Annotated[StrictStr, Field(max_length=MAX_PASSWORD_CHARS)] | None = Field(
        None, description="lower-case hex SHA-256 of the password in UTF-8"
    )
    password: Annotated[StrictStr, Field(max_length=MAX_PASSWORD_CHARS)] | None = Field(
        None, description="or the password itself"
    )


class NewPassword(BaseModel):
    password: Password
    old_password: Annotated[StrictStr, Field(max_length=MAX_PASSWORD_CHARS)] | None = Field(
        None, description="the present password, which is needed to change one's own where the account has one"
    )


class Registered(BaseModel):
    token: str = Field(description="for Authorization: Bearer; good for 30 days, or until it is revoked")


class LoggedIn(Registered):
    banned: bool | None = Field(None, description="true for a banned user, else left out")
    ban_reason: str | None = None


class Nothing(BaseModel):
    """An empty object."""


@router.post("/register", response_model=Registered, responses=errors(400, 409))
async def register(request: Request, body: Register) -> Response:
    """Open an account. The answer has a token for it. 403 while registrations are closed."""
    token = await neptuned_deps(request).vm_accounts.register(
        username=body.username,
        password=body.password,
        address=client_address(request),
        request_id=request_id(request),
        may_own=is_local_and_private(request),
        invite=body.invite,
    )
    return Json({"token": token}, headers=NO_STORE)


@router.post("/login", response_model=LoggedIn, response_model_exclude_none=True, responses=errors(400, 401))
async def log_in(request: Request, body: LogIn) -> Response:
    """A new token. Banned users get one, too, to delete their account with, and the reason of the ban."""
    deps = neptuned_deps(request)
    if (body.password_hash is None) == (body.password is None):
        raise Invalid("either password_hash or password is needed")
    try:
        token, account = await deps.vm_accounts.log_in(
            username=body.username,
            proof=proof_of(body.password) if body.password is not None else str(body.password_hash).lower(),
            address=client_address(request),
        )
    except WrongPassword:
        raise Unauthenticated("wrong username or password") from None
    view: dict[str, Any] = {"token": token}
    if account.banned:
        view["banned"] = True
        details = (await deps.vm_account_rows.describe([account.owner_id])).get(account.owner_id)
        if details and details.ban_reason:
            view["ban_reason"] = details.ban_reason
    return Json(view, headers=NO_STORE)


@router.post("/logout", response_model=Nothing, responses=errors(400, 401))
async def log_out(request: Request, actor: Member) -> Response:
    """Revoke the token of this request."""
    await neptuned_deps(request).vm_accounts.log_out(actor)
    return Json({})


@router.post("/change_password", response_model=Nothing, responses=errors(400, 401, 409))
async def change_password(request: Request, actor: Member, body: NewPassword) -> Response:
    """Change the password. All other tokens of the account are revoked."""
    await neptuned_deps(request).vm_accounts.change_password(actor, body.password, body.old_password)
    return Json({})


@router.post("/delete_account", response_model=Nothing, responses=errors(401, 409))
async def delete_account(request: Request, actor: Member) -> Response:
    """Delete one's account and one's personal data. 409 for the last administrator."""
    await neptuned_deps(request).vm_accounts.delete(actor)
    return Json({})
