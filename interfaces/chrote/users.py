"""/api/users: the members of this installation and their roles (C23 to C26)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from starlette.requests import Request

from application.access import Actor, require
from interfaces.chrote import views
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import chrote_deps
from interfaces.chrote.errors import errors
from interfaces.http.responses import Json
from projections import users

router = APIRouter(prefix="/api/users", tags=["users"], responses=errors(400, 401, 403, 404))
Member = Annotated[Actor, Depends(member)]


class ChangeRole(BaseModel):
    role: str


@router.get("", response_model=dict[str, Any])
async def list_users(request: Request, actor: Member) -> Response:
    """All members, in the order in which they joined."""
    require(actor, "user.manage")
    deps = chrote_deps(request)
    rows = (await users.list_all(deps.queries)).rows
    profiles = await deps.profiles.profiles([row.id for row in rows])
    return Json({"users": [views.user_view(row, profiles.get(row.id)) for row in rows]})


@router.patch("/{id}/role", response_model=dict[str, Any])
async def change_role(request: Request, actor: Member, id: str, body: ChangeRole) -> Response:
    """Change a member's role. It takes effect at once, also on open connections."""
    deps = chrote_deps(request)
    require(actor, "user.manage")
    user = await deps.users.change_role(actor, views.parse_id(id, "user_", "user"), body.role)
    profiles = await deps.profiles.profiles([user.id])
    return Json({"success": True, "user": views.changed_user(user, profiles.get(user.id))})


@router.delete("/{id}", response_model=dict[str, Any])
async def remove_user(request: Request, actor: Member, id: str) -> Response:
    """Remove a member: their cookies end and their personal data is deleted. The history stays."""
    require(actor, "user.manage")
    await chrote_deps(request).users.remove(actor, views.parse_id(id, "user_", "user"))
    return Json({"success": True})
