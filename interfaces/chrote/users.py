"""/api/users: who belongs to the place, and as what (C23 to C26)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from starlette.requests import Request

from application.access import Actor, require
from interfaces.chrote import views as present
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import chrote_deps
from interfaces.chrote.errors import errors
from interfaces.http.responses import Json
from projections import users

router = APIRouter(prefix="/api/users", tags=["users"], responses=errors(400, 401, 403, 404))
Who = Annotated[Actor, Depends(member)]


class ChangeRole(BaseModel):
    role: str


@router.get("", response_model=dict[str, Any])
async def list_users(request: Request, who: Who) -> Response:
    """Who came first is first."""
    require(who, "user.manage")
    deps = chrote_deps(request)
    rows = (await users.list_all(deps.queries)).rows
    profiles = await deps.profiles.profiles([row.id for row in rows])
    return Json({"users": [present.user(row, profiles.get(row.id)) for row in rows]})


@router.patch("/{id}/role", response_model=dict[str, Any])
async def change_role(request: Request, who: Who, id: str, body: ChangeRole) -> Response:
    """It counts from now on, also for who is connected already."""
    deps = chrote_deps(request)
    require(who, "user.manage")
    user = await deps.users.change_role(who, present.parse(id, "user_", "user"), body.role)
    profiles = await deps.profiles.profiles([user.id])
    return Json({"success": True, "user": present.changed(user, profiles.get(user.id))})


@router.delete("/{id}", response_model=dict[str, Any])
async def remove_user(request: Request, who: Who, id: str) -> Response:
    """Their cookies end, and what names them goes; the history stays."""
    require(who, "user.manage")
    await chrote_deps(request).users.remove(who, present.parse(id, "user_", "user"))
    return Json({"success": True})
