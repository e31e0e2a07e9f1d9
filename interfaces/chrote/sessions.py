"""/api/sessions: the tmux sessions (C11 to C14)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from starlette.requests import Request

from application.access import Actor, require
from domain.errors import NotFound
from interfaces.chrote import session_views as present
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import ChroteDeps, chrote_deps
from interfaces.chrote.errors import errors
from interfaces.http.responses import Json
from projections import sessions
from projections.sessions import ListedSession

router = APIRouter(prefix="/api/sessions", tags=["sessions"], responses=errors(401, 403, 404))
Who = Annotated[Actor, Depends(member)]


async def find(deps: ChroteDeps, who: Actor, id: str) -> ListedSession:
    """A session by its id, which is its name. Raises `NotFound`, also where it is not for them to see."""
    row = await sessions.get_by_name(deps.queries, who, id, deps.clock()) if "\0" not in id else None
    if row is None:
        raise NotFound("Session not found")
    return row


@router.get("", response_model=dict[str, Any])
async def list_sessions(request: Request, who: Who) -> Response:
    """All sessions that the caller may see, by name. `X-Tenure-Position` is where a stream goes on from this list."""
    require(who, "session.view")
    position, shown = await present.all_sessions(chrote_deps(request), who)
    return Json({"sessions": shown}, headers={"x-tenure-position": str(position)})


@router.get("/{id:path}", response_model=dict[str, Any])
async def get_session(request: Request, who: Who, id: str) -> Response:
    """Its windows, what is on their panes, and who looks at it."""
    require(who, "session.view")
    deps = chrote_deps(request)
    it = await find(deps, who, id)
    windows = await deps.terminals.windows(present.address(it))
    viewers = await deps.presence.watchers_of(it.id)
    names = await deps.profiles.profiles([*viewers, *([it.holder_id] if it.holder_id else [])])
    return Json(present.detail(it, windows, viewers, names))
