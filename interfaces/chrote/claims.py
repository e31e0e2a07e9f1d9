"""/api/sessions/…/claim: take, release and hand over the claim of a session (C15 to C19)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from application.access import Actor
from domain.claim import Claimed
from domain.errors import NotAllowed
from interfaces.chrote import session_views as views
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import chrote_deps
from interfaces.chrote.errors import errors
from interfaces.chrote.sessions import find_session
from interfaces.chrote.views import parse_id
from interfaces.http.responses import Json

router = APIRouter(prefix="/api/sessions", tags=["claims"], responses=errors(400, 401, 403, 404))
Member = Annotated[Actor, Depends(member)]


class HandOver(BaseModel):
    """The user who gets the claim; they must have asked for it. Without a user: ask the holder for the claim."""

    model_config = ConfigDict(json_schema_extra={"example": {"userId": "user_00000000000040008000000000000001"}})

    userId: str | None = None


@router.post("/{id:path}/claim/handover", response_model=dict[str, Any])
async def hand_over(request: Request, actor: Member, id: str, body: HandOver | None = None) -> Response:
    """Hand the claim over to a user who has asked for it. Without a user: ask the holder for the claim."""
    deps = chrote_deps(request)
    session = await find_session(deps, actor, id)
    if body is None or body.userId is None:
        await deps.claims.ask_for(actor, session.claim_session_id, session.owner_id)
        return Json({"success": True, "asked": True})
    to = parse_id(body.userId, "user_", "user")
    return Json(views.claim_granted(session.name, await deps.claims.hand_over(actor, session.claim_session_id, to)))


@router.post("/{id:path}/claim", response_model=dict[str, Any])
async def claim(request: Request, actor: Member, id: str) -> Response:
    """Claim the session, or prolong one's claim. An admin takes the claim over from another user."""
    deps = chrote_deps(request)
    session = await find_session(deps, actor, id)
    try:
        return Json(
            views.claim_granted(session.name, await deps.claims.take(actor, session.claim_session_id, session.owner_id))
        )
    except Claimed as error:
        return Json(views.claim_refused(error), 403)
    except NotAllowed:
        raise NotAllowed("Viewers cannot claim sessions") from None


@router.delete("/{id:path}/claim", response_model=dict[str, Any])
async def release(request: Request, actor: Member, id: str) -> Response:
    """Release one's claim. An admin also releases the claims of others."""
    deps = chrote_deps(request)
    session = await find_session(deps, actor, id)
    await deps.claims.release(actor, session.claim_session_id)
    return Json({"success": True})
