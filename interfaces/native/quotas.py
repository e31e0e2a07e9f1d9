"""/api/v1/me: who the caller is, and what they hold. /api/v1/quotas: how much users may hold, for administrators."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt
from starlette.requests import Request

from application.access import Actor
from domain.errors import NotFound
from domain.quota import Quotas
from domain.quota_defaults import DEFAULTS, MAX_THINGS, Kind
from interfaces.http.errors import errors
from interfaces.http.identity import current_member
from interfaces.http.responses import Json
from interfaces.native.deps import native_deps

router = APIRouter(prefix="/api/v1", tags=["quotas"], responses=errors(400, 401))
CurrentMember = Annotated[Actor, Depends(current_member)]
Limit = Annotated[StrictInt, Field(ge=0, le=MAX_THINGS)]
LimitOrDefault = Annotated[Limit | None, Field(description="null: the default again; left out: as it is")]


class UseOut(BaseModel):
    """What the caller holds of one kind."""

    used: int
    limit: int


class MeOut(BaseModel):
    """The caller."""

    id: UUID
    name: str
    role: str | None = Field(description="among the members; null: none", examples=["operator"])
    quotas: dict[Kind, UseOut]


class UserQuotasOut(BaseModel):
    """The quotas that were set for one user."""

    user_id: UUID
    quotas: dict[Kind, int]


class QuotasOut(BaseModel):
    """The quotas of every role, and those of users who have their own."""

    roles: dict[str, dict[Kind, int]] = Field(description="by role; none: of users who are no members")
    users: list[UserQuotasOut]


class SetQuotas(BaseModel):
    """How many of each kind a user may hold at once."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"workspaces": 5, "keys": None}})

    workspaces: LimitOrDefault = None
    sessions: LimitOrDefault = None
    seats: LimitOrDefault = None
    machines: LimitOrDefault = None
    streams: LimitOrDefault = None
    keys: LimitOrDefault = None


@router.get("/me", response_model=MeOut)
async def me(request: Request, actor: CurrentMember) -> Response:
    """The caller, with what they hold of each kind and how much they may."""
    uses = await native_deps(request).quotas.use_of(actor)
    quotas = {str(kind): {"used": use.used, "limit": use.limit} for kind, use in uses.items()}
    return Json({"id": actor.user_id, "name": actor.name, "role": actor.role, "quotas": quotas})


@router.get("/quotas", response_model=QuotasOut)
async def list_quotas(request: Request, actor: CurrentMember) -> Response:
    """The quotas of every role, and those of users who have their own. For administrators."""
    return Json(quotas_view(await native_deps(request).quotas.all_quotas(actor)))


@router.put("/quotas/roles/{role}", response_model=QuotasOut, responses=errors(409, 413))
async def set_quotas_of_role(request: Request, actor: CurrentMember, role: str, body: SetQuotas) -> Response:
    """Set quotas of all users with this role. What they hold already stays theirs."""
    quotas = await native_deps(request).quotas.set_for_role(actor, role, body.model_dump(exclude_unset=True))
    return Json(quotas_view(quotas))


@router.put("/quotas/users/{id}", response_model=QuotasOut, responses=errors(404, 409, 413))
async def set_quotas_of_user(request: Request, actor: CurrentMember, id: str, body: SetQuotas) -> Response:
    """Set quotas of one user, which count before those of their role. What they hold already stays theirs."""
    try:
        user_id = UUID(id)
    except ValueError:
        raise NotFound("no such user; ids are UUIDs, as GET /api/v1/me shows them") from None
    quotas = await native_deps(request).quotas.set_for_user(actor, user_id, body.model_dump(exclude_unset=True))
    return Json(quotas_view(quotas))


def quotas_view(quotas: Quotas) -> dict[str, Any]:
    """The answer of all routes below /quotas."""
    users = [{"user_id": id, "quotas": by_name(limits)} for id, limits in quotas.by_user.items() if limits]
    return {"roles": {str(role): by_name(quotas.of_role(role)) for role in DEFAULTS}, "users": users}


def by_name(limits: dict[Kind, int]) -> dict[str, int]:
    return {str(kind): limits[kind] for kind in Kind if kind in limits}
