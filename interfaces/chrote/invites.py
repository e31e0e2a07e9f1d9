"""/api/invites: create, list, revoke, validate and accept invites (C27 to C35)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StrictInt, WithJsonSchema
from starlette.requests import Request
from starlette.responses import RedirectResponse

from application.access import Actor, require
from domain.errors import Invalid
from domain.invite import MAX_LIFETIME, MAX_NOTE_CHARS, Unusable
from interfaces.chrote import views
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import chrote_deps
from interfaces.chrote.errors import errors
from interfaces.http.deps import http_deps
from interfaces.http.identity import client_address
from interfaces.http.responses import Json
from projections import invites

router = APIRouter(tags=["invites"], responses=errors(400, 401, 403, 404, 429))
Member = Annotated[Actor, Depends(member)]
DEFAULT_LIFETIME = timedelta(days=7)


class CreateInvite(BaseModel):
    """The role and the limits of a new invite. An empty body makes a viewer's invite that lasts seven days."""

    model_config = ConfigDict(json_schema_extra={"example": {"role": "operator", "expiresIn": 604800}})

    role: str = "viewer"
    expires_in: StrictInt | None = Field(None, alias="expiresIn", description="seconds until it ends")
    expires_in_days: StrictInt | None = Field(None, description="the same in days")
    max_uses: StrictInt | None = Field(
        None, validation_alias=AliasChoices("max_uses", "maxUses"), description="none: no limit"
    )

    note: Annotated[str, WithJsonSchema({"type": "string", "maxLength": MAX_NOTE_CHARS})] | None = Field(
        None, description="what the invite is for, shown to those who manage invites"
    )

    @property
    def lasts(self) -> timedelta:
        if self.expires_in is None and self.expires_in_days is None:
            return DEFAULT_LIFETIME
        seconds = (self.expires_in_days or 0) * 86_400 if self.expires_in is None else self.expires_in
        if not 1 <= seconds <= MAX_LIFETIME.total_seconds():  # a timedelta of more can overflow
            raise Invalid("expiresIn must be from 1 second to 365 days")
        return timedelta(seconds=seconds)


@router.post("/api/invites", status_code=201, response_model=dict[str, Any])
async def create_invite(request: Request, actor: Member, body: CreateInvite | None = None) -> Response:
    """Create an invite. No other answer has its token."""
    require(actor, "invite.create")
    deps, body = chrote_deps(request), body or CreateInvite()
    invite, token = await deps.invites.create(
        actor, role=body.role, lasts=body.lasts, max_uses=body.max_uses, note=body.note
    )
    notes = await deps.invites.tokens.notes([invite.id])
    return Json(views.new_invite(invite, token, deps.url, actor.name, notes.get(invite.id)), 201)


@router.get("/api/invites", response_model=dict[str, Any])
async def list_invites(request: Request, actor: Member) -> Response:
    """All invites, the newest first, also those that have ended."""
    require(actor, "invite.create")
    deps = chrote_deps(request)
    rows = (await invites.list_all(deps.queries)).rows
    profiles = await deps.profiles.profiles(list({row.created_by for row in rows}))
    notes, now = await deps.invites.tokens.notes([row.id for row in rows]), deps.clock()
    names = {id: profile.name for id, profile in profiles.items()}
    return Json(
        {"invites": [views.invite_view(row, now, names.get(row.created_by), notes.get(row.id)) for row in rows]}
    )


@router.delete("/api/invites/{id}", response_model=dict[str, Any])
async def revoke_invite(request: Request, actor: Member, id: str) -> Response:
    require(actor, "invite.create")
    await chrote_deps(request).invites.revoke(actor, views.parse_id(id, "inv_", "invite"))
    return Json({"success": True})


@router.get("/api/invites/{token}/validate", response_model=dict[str, Any])
async def validate_invite(request: Request, token: str) -> Response:
    """Whether a token is good. Needs no sign-in. Too many wrong tokens are 429."""
    try:
        role = await chrote_deps(request).invites.check(token, client_address(request))
    except Unusable as error:
        return Json({"valid": False, "reason": error.code})
    return Json({"valid": True, "role": str(role)})


@router.post("/api/invites/{token}/accept", response_model=dict[str, Any])
async def accept_invite(request: Request, actor: Member, token: str) -> Response:
    """Accept an invite. The role in the answer is never lower than the one before."""
    role = await chrote_deps(request).invites.accept(actor, token, client_address(request))
    return Json({"success": True, "role": str(role)})


@router.get("/invite/{token}", response_class=RedirectResponse, status_code=302)
async def open_invite(request: Request, token: str) -> Response:
    """The address that people send to one another: it leads to the page, with the token."""
    return RedirectResponse(f"{http_deps(request).path}/?{urlencode({'invite': token})}", 302)
