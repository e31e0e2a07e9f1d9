"""/admin/users: everybody's accounts (N45 to N53)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr
from starlette.requests import Request

from application.access import require
from application.ports.vm_accounts import AccountDescription
from application.vm_administration import MAX_REASON_CHARS
from domain.errors import NotFound
from domain.user_type import UserType
from domain.vm_account import VmAccount
from interfaces.http.responses import Json
from interfaces.neptuned.accounts import NewPassword, Nothing, Password, Username
from interfaces.neptuned.credentials import Administrator, admin_router
from interfaces.neptuned.deps import NeptunedDeps, neptuned_deps
from projections import vm_accounts
from projections.vm_accounts import VmAccountRow

router = admin_router("/users", tags=["accounts of others"])
MAX_ID_CHARS = 19  # of a 63-bit number
Reason = Annotated[StrictStr, Field(max_length=MAX_REASON_CHARS)]


class UserOut(BaseModel):
    id: str = Field(examples=["1374389534720000000"])
    username: str
    user_type: UserType
    banned: bool
    ban_reason: str | None = None


class NewUser(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"example": {"username": "ada", "password": "correct horse", "user_type": "user"}}
    )

    id: Any = Field(None, description="accepted and ignored: ids are assigned")
    username: Username
    password: Password
    user_type: UserType = UserType.USER
    banned: StrictBool = False
    ban_reason: Reason | None = None


class NewType(BaseModel):
    type: UserType


class Ban(BaseModel):
    reason: Reason | None = Field(None, description="stored, and shown to the user")


@router.get("", response_model=list[UserOut], response_model_exclude_none=True)
async def everybody(request: Request, actor: Administrator) -> Response:
    """All accounts, in the order in which they were opened."""
    require(actor, "vm_account.list")
    deps = neptuned_deps(request)
    return Json(await user_views(deps, (await vm_accounts.list_all(deps.queries)).rows))


@router.post("/create", response_model=UserOut, response_model_exclude_none=True)
async def create(request: Request, actor: Administrator, body: NewUser) -> Response:
    """Open an account for another user."""
    deps = neptuned_deps(request)
    account = await deps.vm_administration.create(
        actor,
        username=body.username,
        password=body.password,
        user_type=body.user_type,
        banned=body.banned,
        reason=body.ban_reason,
    )
    return Json(user_view(account, (await deps.vm_account_rows.describe([account.owner_id]))[account.owner_id]))


@router.get("/{user_id}", response_model=UserOut, response_model_exclude_none=True)
async def one(request: Request, actor: Administrator, user_id: str) -> Response:
    require(actor, "vm_account.list")
    deps = neptuned_deps(request)
    return Json((await user_views(deps, [await find_account(deps, user_id)]))[0])


@router.delete("/{user_id}", response_model=Nothing)
async def delete(request: Request, actor: Administrator, user_id: str) -> Response:
    """Delete a user's account, as the user could. 409 for the last administrator."""
    deps = neptuned_deps(request)
    await deps.vm_administration.delete(actor, (await find_account(deps, user_id)).user_id)
    return Json({})


@router.post("/{user_id}/change_type", response_model=Nothing)
async def change_type(request: Request, actor: Administrator, user_id: str, body: NewType) -> Response:
    """Change a user's type. It takes effect at once. 409 for the last administrator."""
    deps = neptuned_deps(request)
    await deps.vm_administration.change_type(actor, (await find_account(deps, user_id)).user_id, body.type)
    return Json({})


@router.post("/{user_id}/change_password", response_model=Nothing)
async def change_password(request: Request, actor: Administrator, user_id: str, body: NewPassword) -> Response:
    """Change a user's password. All tokens of the account are revoked. One's own needs `old_password`."""
    deps = neptuned_deps(request)
    owner_id = (await find_account(deps, user_id)).user_id
    await deps.vm_administration.change_password(actor, owner_id, body.password, body.old_password)
    return Json({})


@router.post("/{user_id}/ban", response_model=Nothing)
async def ban(request: Request, actor: Administrator, user_id: str, body: Ban | None = None) -> Response:
    """Ban a user, and end their connections. 409 for the last administrator."""
    deps = neptuned_deps(request)
    reason = body.reason if body else None
    await deps.vm_administration.ban(actor, (await find_account(deps, user_id)).user_id, reason)
    return Json({})


@router.post("/{user_id}/unban", response_model=Nothing)
async def unban(request: Request, actor: Administrator, user_id: str) -> Response:
    deps = neptuned_deps(request)
    await deps.vm_administration.unban(actor, (await find_account(deps, user_id)).user_id)
    return Json({})


async def find_account(deps: NeptunedDeps, user_id: str) -> VmAccountRow:
    """The account with the id that clients have. Raises `NotFound`."""
    number = int(user_id) if user_id.isascii() and user_id.isdigit() and len(user_id) <= MAX_ID_CHARS else 0
    row = await vm_accounts.get_by_number(deps.queries, number)
    if row is None or str(row.number) != user_id:
        raise NotFound("no such user")
    return row


async def user_views(deps: NeptunedDeps, rows: Sequence[VmAccountRow]) -> list[dict[str, Any]]:
    details = await deps.vm_account_rows.describe([row.user_id for row in rows])
    return [user_view(row, details[row.user_id]) for row in rows]


def user_view(account: VmAccountRow | VmAccount, details: AccountDescription) -> dict[str, Any]:
    view = {
        "id": str(account.number),
        "username": details.name,
        "user_type": account.user_type,
        "banned": account.banned,
    }
    return view | ({"ban_reason": details.ban_reason} if account.banned and details.ban_reason else {})
