"""/api/sessions/…/claim: exclusive control (C15 to C19), and handing it over."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from application.access import Actor
from domain.claim import Claimed
from domain.errors import NotAllowed
from interfaces.chrote import session_views as present
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import chrote_deps
from interfaces.chrote.errors import errors
from interfaces.chrote.sessions import find
from interfaces.chrote.views import parse
from interfaces.http.responses import Json

router = APIRouter(prefix="/api/sessions", tags=["claims"], responses=errors(400, 401, 403, 404))
Who = Annotated[Actor, Depends(member)]


class HandOver(BaseModel):
    """To whom: somebody who has asked for it. Nobody: ask whoever has it."""

    model_config = ConfigDict(json_schema_extra={"example": {"userId": "user_00000000000040008000000000000001"}})

    userId: str | None = None


@router.post("/{id:path}/claim/handover", response_model=dict[str, Any])
async def hand_over(request: Request, who: Who, id: str, body: HandOver | None = None) -> Response:
    """The holder names somebody who has asked, and they have it. Without a name: ask the holder for it."""
    deps = chrote_deps(request)
    it = await find(deps, who, id)
    if body is None or body.userId is None:
        await deps.claims.ask_for(who, it.id, it.owner_id)
        return Json({"success": True, "asked": True})
    to = parse(body.userId, "user_", "user")
    return Json(present.claimed(it.name, await deps.claims.hand_over(who, it.id, to)))


@router.post("/{id:path}/claim", response_model=dict[str, Any])
async def claim(request: Request, who: Who, id: str) -> Response:
    """Claim it, or claim it for longer. An admin takes it over."""
    deps = chrote_deps(request)
    it = await find(deps, who, id)
    try:
        return Json(present.claimed(it.name, await deps.claims.take(who, it.id, it.owner_id)))
    except Claimed as taken:
        return Json(present.taken(taken), 403)
    except NotAllowed:
        raise NotAllowed("Viewers cannot claim sessions") from None


@router.delete("/{id:path}/claim", response_model=dict[str, Any])
async def release(request: Request, who: Who, id: str) -> Response:
    """Give it back; an admin, also for somebody else."""
    deps = chrote_deps(request)
    it = await find(deps, who, id)
    await deps.claims.release(who, it.id)
    return Json({"success": True})
