"""/admin/users: the accounts of everybody (N45 to N53)."""

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
from interfaces.neptuned.credentials import Administrator, administering
from interfaces.neptuned.deps import NeptunedDeps, neptuned_deps
from projections import vm_accounts
from projections.vm_accounts import VmAccountRow

router = administering("/users", tags=["accounts of others"])
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

    id: Any = Field(None, description="taken and not used: ids are assigned")
    username: Username
    password: Password
    user_type: UserType = UserType.USER
    banned: StrictBool = False
    ban_reason: Reason | None = None


class NewType(BaseModel):
    type: UserType


class Ban(BaseModel):
    reason: Reason | None = Field(None, description="kept, and shown to them")


@router.get("", response_model=list[UserOut], response_model_exclude_none=True)
async def everybody(request: Request, who: Administrator) -> Response:
    """Who came first is first."""
    require(who, "vm_account.list")
    deps = neptuned_deps(request)
    return Json(await shown(deps, (await vm_accounts.list_all(deps.queries)).rows))


@router.post("/create", response_model=UserOut, response_model_exclude_none=True)
async def create(request: Request, who: Administrator, body: NewUser) -> Response:
    """An account for somebody else."""
    deps = neptuned_deps(request)
    account = await deps.vm_administration.create(
        who,
        username=body.username,
        password=body.password,
        user_type=body.user_type,
        banned=body.banned,
        reason=body.ban_reason,
    )
    return Json(as_entry(account, (await deps.vm_account_rows.describe([account.owner_id]))[account.owner_id]))


@router.get("/{user_id}", response_model=UserOut, response_model_exclude_none=True)
async def one(request: Request, who: Administrator, user_id: str) -> Response:
    require(who, "vm_account.list")
    deps = neptuned_deps(request)
    return Json((await shown(deps, [await found(deps, user_id)]))[0])


@router.delete("/{user_id}", response_model=Nothing)
async def delete(request: Request, who: Administrator, user_id: str) -> Response:
    """As if they had done it. 409 for the last administrator."""
    deps = neptuned_deps(request)
    await deps.vm_administration.delete(who, (await found(deps, user_id)).user_id)
    return Json({})


@router.post("/{user_id}/change_type", response_model=Nothing)
async def change_type(request: Request, who: Administrator, user_id: str, body: NewType) -> Response:
    """It counts at once. 409 for the last administrator."""
    deps = neptuned_deps(request)
    await deps.vm_administration.change_type(who, (await found(deps, user_id)).user_id, body.type)
    return Json({})


@router.post("/{user_id}/change_password", response_model=Nothing)
async def change_password(request: Request, who: Administrator, user_id: str, body: NewPassword) -> Response:
    """None of their tokens is good any more."""
    deps = neptuned_deps(request)
    await deps.vm_administration.change_password(who, (await found(deps, user_id)).user_id, body.password)
    return Json({})


@router.post("/{user_id}/ban", response_model=Nothing)
async def ban(request: Request, who: Administrator, user_id: str, body: Ban | None = None) -> Response:
    """They cannot connect any more, and what is connected is cut. 409 for the last administrator."""
    deps = neptuned_deps(request)
    reason = body.reason if body else None
    await deps.vm_administration.ban(who, (await found(deps, user_id)).user_id, reason)
    return Json({})


@router.post("/{user_id}/unban", response_model=Nothing)
async def unban(request: Request, who: Administrator, user_id: str) -> Response:
    deps = neptuned_deps(request)
    await deps.vm_administration.unban(who, (await found(deps, user_id)).user_id)
    return Json({})


async def found(deps: NeptunedDeps, user_id: str) -> VmAccountRow:
    """Raises `NotFound`."""
    number = int(user_id) if user_id.isascii() and user_id.isdigit() and len(user_id) < 20 else 0
    row = await vm_accounts.get_by_number(deps.queries, number)
    if row is None or str(row.number) != user_id:
        raise NotFound("no such user")
    return row


async def shown(deps: NeptunedDeps, rows: Sequence[VmAccountRow]) -> list[dict[str, Any]]:
    kept = await deps.vm_account_rows.describe([row.user_id for row in rows])
    return [as_entry(row, kept[row.user_id]) for row in rows]


def as_entry(it: VmAccountRow | VmAccount, kept: AccountDescription) -> dict[str, Any]:
    told = {"id": str(it.number), "username": kept.name, "user_type": it.user_type, "banned": it.banned}
    return told | ({"ban_reason": kept.ban_reason} if it.banned and kept.ban_reason else {})
