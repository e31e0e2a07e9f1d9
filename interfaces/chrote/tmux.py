"""/api/tmux: the text on a pane (C20 to C22). Its errors are sentences, as the contract prints them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from starlette.requests import Request

from application.access import Actor, require
from application.ports.errors import Unavailable
from domain.errors import NotFound
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import chrote_deps
from interfaces.chrote.errors import errors
from interfaces.chrote.session_views import millis, terminal_address
from interfaces.chrote.sessions import find_session
from interfaces.http import errors as http_errors
from interfaces.http.responses import Json

router = APIRouter(prefix="/api/tmux", tags=["sessions"], responses=errors(400, 401, 403) | http_errors.errors(404))
Member = Annotated[Actor, Depends(member)]


@router.get("/sessions/{session:path}/panes/{pane}/capture", response_model=dict[str, Any])
async def capture(request: Request, actor: Member, session: str, pane: str) -> Response:
    """The screen of a pane of the session's current window, as text."""
    require(actor, "session.view")
    deps = chrote_deps(request)
    if not deps.terminals.is_available():
        return Json({"error": "CHROTE API not available"}, 503)
    try:
        found_session = await find_session(deps, actor, session)
    except NotFound:
        return Json({"error": "Session not found"}, 404)
    try:
        content = await deps.terminals.capture(terminal_address(found_session), pane)
    except NotFound:
        return Json({"error": "Pane not found"}, 404)
    except Unavailable:
        return Json({"error": "CHROTE API not available"}, 503)
    return Json({"session": found_session.name, "pane": pane, "content": content, "timestamp": millis(deps.clock())})
