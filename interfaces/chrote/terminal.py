"""/api/terminal: the same sessions and claims for clients that call a claim a lock (C64)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from starlette.requests import Request

from application.access import Actor, require
from domain.claim import Claimed
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import chrote_deps
from interfaces.chrote.errors import errors
from interfaces.chrote.session_views import name_of, terminal_address
from interfaces.chrote.sessions import find_session
from interfaces.chrote.views import user_id
from interfaces.http.responses import Json
from projections import sessions

router = APIRouter(prefix="/api/terminal", tags=["sessions"], responses=errors(401, 403, 404, 409))
Member = Annotated[Actor, Depends(member)]


@router.get("/sessions", response_model=dict[str, Any])
async def list_sessions(request: Request, actor: Member) -> Response:
    """`attached` counts the clients of tmux itself; `width` and `height` are those of the current window."""
    require(actor, "session.view")
    deps = chrote_deps(request)
    rows = (await sessions.list_visible(deps.queries, actor, deps.clock())).rows
    shapes = await deps.terminals.shapes([terminal_address(row) for row in rows])
    views = []
    for row in rows:
        shape = shapes.get(terminal_address(row))
        views.append(
            {
                "name": row.name,
                "id": row.name,
                "windows": row.windows,
                "attached": shape.attached if shape else 0,
                "created": row.created_at,
                "currentWindow": shape.window if shape else None,
                "width": shape.width if shape else None,
                "height": shape.height if shape else None,
            }
        )
    return Json({"sessions": views})


@router.get("/locks", response_model=dict[str, Any])
async def list_locks(request: Request, actor: Member) -> Response:
    require(actor, "session.view")
    deps = chrote_deps(request)
    rows = (await sessions.list_visible(deps.queries, actor, deps.clock())).rows
    holders = {row.name: row.holder_id for row in rows if row.holder_id}
    profiles = await deps.profiles.profiles(list(holders.values()))
    locks = {session: {"id": user_id(id), "name": name_of(id, profiles)} for session, id in holders.items()}
    return Json({"locks": locks})


@router.post("/sessions/{id:path}/lock", response_model=dict[str, Any])
async def lock(request: Request, actor: Member, id: str) -> Response:
    deps = chrote_deps(request)
    session = await find_session(deps, actor, id)
    try:
        await deps.claims.take(actor, session.claim_session_id, session.owner_id)
    except Claimed as error:
        profiles = await deps.profiles.profiles([error.holder_id])
        holder = {"id": user_id(error.holder_id), "name": name_of(error.holder_id, profiles)}
        return Json({"error": str(error), "locked": True, "lockedBy": holder}, 409)
    return Json({"success": True, "locked": True, "lockedBy": {"id": user_id(actor.user_id), "name": actor.name}})


@router.post("/sessions/{id:path}/release", response_model=dict[str, Any])
async def release(request: Request, actor: Member, id: str) -> Response:
    deps = chrote_deps(request)
    session = await find_session(deps, actor, id)
    await deps.claims.release(actor, session.claim_session_id)
    return Json({"success": True, "locked": False})
