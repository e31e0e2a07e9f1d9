"""/api/invites: making them, and coming by them (C27 to C35)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StrictInt
from starlette.requests import Request
from starlette.responses import RedirectResponse

from application.access import Actor, require
from domain.errors import Invalid
from domain.invite import MAX_LIFETIME, Unusable
from interfaces.chrote import views as present
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import chrote_deps
from interfaces.chrote.errors import errors
from interfaces.http.identity import client_address
from interfaces.http.responses import Json
from projections import invites

router = APIRouter(tags=["invites"], responses=errors(400, 401, 403, 404, 429))
Who = Annotated[Actor, Depends(member)]
WEEK = timedelta(days=7)


class CreateInvite(BaseModel):
    """What an invite is for. Nothing at all: a viewer, within seven days."""

    model_config = ConfigDict(json_schema_extra={"example": {"role": "operator", "expiresIn": 604800}})

    role: str = "viewer"
    expires_in: StrictInt | None = Field(None, alias="expiresIn", description="seconds until it ends")
    expires_in_days: StrictInt | None = Field(None, description="the same in days")
    max_uses: StrictInt | None = Field(
        None, validation_alias=AliasChoices("max_uses", "maxUses"), description="none: as often as people come"
    )

    @property
    def lasts(self) -> timedelta:
        if self.expires_in is None and self.expires_in_days is None:
            return WEEK
        seconds = (self.expires_in_days or 0) * 86_400 if self.expires_in is None else self.expires_in
        if not 1 <= seconds <= MAX_LIFETIME.total_seconds():  # before it is a timedelta, which can overflow
            raise Invalid("expiresIn must be from 1 second to 365 days")
        return timedelta(seconds=seconds)


@router.post("/api/invites", status_code=201, response_model=dict[str, Any])
async def create_invite(request: Request, who: Who, body: CreateInvite | None = None) -> Response:
    """A new invite. Its token is in this answer, and in no other."""
    require(who, "invite.create")
    deps, asked = chrote_deps(request), body or CreateInvite()
    made, token = await deps.invites.create(who, role=asked.role, lasts=asked.lasts, max_uses=asked.max_uses)
    return Json(present.new_invite(made, token, deps.url), 201)


@router.get("/api/invites", response_model=dict[str, Any])
async def list_invites(request: Request, who: Who) -> Response:
    """Newest first; also those that are over."""
    require(who, "invite.create")
    deps = chrote_deps(request)
    rows = (await invites.list_all(deps.queries)).rows
    return Json({"invites": [present.invite(row, deps.clock()) for row in rows]})


@router.delete("/api/invites/{id}", response_model=dict[str, Any])
async def revoke_invite(request: Request, who: Who, id: str) -> Response:
    require(who, "invite.create")
    await chrote_deps(request).invites.revoke(who, present.parse(id, "inv_", "invite"))
    return Json({"success": True})


@router.get("/api/invites/{token}/validate", response_model=dict[str, Any])
async def validate_invite(request: Request, token: str) -> Response:
    """Whether a token is good; nobody needs to have signed in. Who guesses too often is told to wait."""
    try:
        role = await chrote_deps(request).invites.check(token, client_address(request))
    except Unusable as why:
        return Json({"valid": False, "reason": why.code})
    return Json({"valid": True, "role": str(role)})


@router.post("/api/invites/{token}/accept", response_model=dict[str, Any])
async def accept_invite(request: Request, who: Who, token: str) -> Response:
    """The role that one has then: never less than before."""
    role = await chrote_deps(request).invites.accept(who, token, client_address(request))
    return Json({"success": True, "role": str(role)})


@router.get("/invite/{token}", response_class=RedirectResponse, status_code=302)
async def open_invite(token: str) -> Response:
    """The address that is sent around: the page, with the token."""
    return RedirectResponse(f"/?{urlencode({'invite': token})}", 302)
