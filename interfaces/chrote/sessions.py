"""/api/sessions: the tmux sessions (C11 to C14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from starlette.requests import Request

from application.access import Actor, require
from domain.errors import NotFound
from interfaces.chrote import session_views as views
from interfaces.chrote.credentials import member
from interfaces.chrote.deps import ChroteDeps, chrote_deps
from interfaces.chrote.errors import errors
from interfaces.chrote.session_views import SessionJson
from interfaces.http.responses import Json
from projections import sessions
from projections.sessions import ListedSession

router = APIRouter(prefix="/api/sessions", tags=["sessions"], responses=errors(401, 403, 404))
Member = Annotated[Actor, Depends(member)]


async def find_session(deps: ChroteDeps, actor: Actor, id: str) -> ListedSession:
    """A session by its id, which is its name. Raises `NotFound`, also for a session that the actor may not see."""
    row = await sessions.get_by_name(deps.queries, actor, id, deps.clock()) if "\0" not in id else None
    if row is None:
        raise NotFound("Session not found")
    return row


async def visible_sessions(deps: ChroteDeps, actor: Actor) -> tuple[int, list[SessionJson]]:
    """The position of the list, and the sessions that the actor may see."""
    listed = await sessions.list_visible(deps.queries, actor, deps.clock())
    return listed.position, [view for _, view in await session_views(deps, listed.rows)]


async def session_views(deps: ChroteDeps, rows: Sequence[ListedSession]) -> list[tuple[UUID | None, SessionJson]]:
    """Each session with the holder of its workspace; None for a session of the host."""
    profiles = await deps.profiles.profiles([row.holder_id for row in rows if row.holder_id])
    attached = deps.terminals.is_attached
    return [(row.owner_id, views.session(row, attached(views.terminal_address(row)), profiles)) for row in rows]


@router.get("", response_model=dict[str, Any])
async def list_sessions(request: Request, actor: Member) -> Response:
    """All sessions that the caller may see, by name. `X-Tenure-Position` is where a stream goes on from this list."""
    require(actor, "session.view")
    position, shown_sessions = await visible_sessions(chrote_deps(request), actor)
    return Json({"sessions": shown_sessions}, headers={"x-tenure-position": str(position)})


@router.get("/{id:path}", response_model=dict[str, Any])
async def get_session(request: Request, actor: Member, id: str) -> Response:
    """A session with its windows, the text on their panes, and its viewers."""
    require(actor, "session.view")
    deps = chrote_deps(request)
    session = await find_session(deps, actor, id)
    windows = await deps.terminals.windows(views.terminal_address(session))
    viewers = await deps.presence.watchers_of(session.id)
    profiles = await deps.profiles.profiles([*viewers, *([session.holder_id] if session.holder_id else [])])
    return Json(views.detail(session, windows, viewers, profiles))
