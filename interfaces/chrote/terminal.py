"""/api/terminal: the same sessions and claims in the words of other clients (C64): locks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from starlette.requests import Request

from application.access import Actor, require
from domain.claim import Claimed
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import chrote_deps
from interfaces.chrote.errors import errors
from interfaces.chrote.session_views import address, name
from interfaces.chrote.sessions import find
from interfaces.chrote.views import user_id
from interfaces.http.responses import Json
from projections import sessions

router = APIRouter(prefix="/api/terminal", tags=["sessions"], responses=errors(401, 403, 404, 409))
Who = Annotated[Actor, Depends(member)]


@router.get("/sessions", response_model=dict[str, Any])
async def list_sessions(request: Request, who: Who) -> Response:
    """`attached` is how many look at it through tmux itself; `width` and `height` are its current window's."""
    require(who, "session.view")
    deps = chrote_deps(request)
    rows = (await sessions.list_visible(deps.queries, who, deps.clock())).rows
    shapes = await deps.terminals.shapes([address(it) for it in rows])
    shown = []
    for it in rows:
        shape = shapes.get(address(it))
        shown.append(
            {
                "name": it.name,
                "id": it.name,
                "windows": it.windows,
                "attached": shape.attached if shape else 0,
                "created": it.created_at,
                "currentWindow": shape.window if shape else None,
                "width": shape.width if shape else None,
                "height": shape.height if shape else None,
            }
        )
    return Json({"sessions": shown})


@router.get("/locks", response_model=dict[str, Any])
async def list_locks(request: Request, who: Who) -> Response:
    require(who, "session.view")
    deps = chrote_deps(request)
    rows = [it for it in (await sessions.list_visible(deps.queries, who, deps.clock())).rows if it.holder_id]
    names = await deps.profiles.profiles([it.holder_id for it in rows if it.holder_id])
    held = {it.name: it.holder_id for it in rows if it.holder_id}
    return Json({"locks": {session: {"id": user_id(id), "name": name(id, names)} for session, id in held.items()}})


@router.post("/sessions/{id:path}/lock", response_model=dict[str, Any])
async def lock(request: Request, who: Who, id: str) -> Response:
    deps = chrote_deps(request)
    it = await find(deps, who, id)
    try:
        await deps.claims.take(who, it.id, it.owner_id)
    except Claimed as taken:
        names = await deps.profiles.profiles([taken.holder_id])
        by = {"id": user_id(taken.holder_id), "name": name(taken.holder_id, names)}
        return Json({"error": str(taken), "locked": True, "lockedBy": by}, 409)
    return Json({"success": True, "locked": True, "lockedBy": {"id": user_id(who.user_id), "name": who.name}})


@router.post("/sessions/{id:path}/release", response_model=dict[str, Any])
async def release(request: Request, who: Who, id: str) -> Response:
    deps = chrote_deps(request)
    it = await find(deps, who, id)
    await deps.claims.release(who, it.id)
    return Json({"success": True, "locked": False})
