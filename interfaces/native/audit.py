"""/api/v1/audit: the history, and any subject at a past position or time.

Holders see the subjects that they hold, auditors everything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import WithJsonSchema
from starlette.requests import Request
from starlette.responses import StreamingResponse

from application.access import Actor
from interfaces.http.errors import errors
from interfaces.http.identity import current_member
from interfaces.http.responses import Json
from interfaces.native import views
from interfaces.native.deps import NativeDeps, native_deps
from interfaces.native.history import PAGE_ENTRIES, entries, people_named, replay, utc, with_actor_names
from interfaces.native.views import EventsOut, SubjectOut
from projections import trail
from projections.trail import Filter

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=errors(400, 401))
CurrentMember = Annotated[Actor, Depends(current_member)]
NDJSON = "application/x-ndjson"
POSITION = {"type": "integer", "minimum": 0, "exclusiveMaximum": 10**18}
MOMENT_SCHEMA = WithJsonSchema({"anyOf": [POSITION, {"type": "string", "format": "date-time"}]})
LINES: dict[int | str, dict[str, Any]] = {
    200: {"content": {NDJSON: {"schema": {"type": "string", "description": "an event a line"}}}}
}
KIND = "workspace.expired, or workspace for all of them"


@router.get("/events", response_model=EventsOut, responses=errors(404) | LINES)
async def list_events(
    request: Request,
    actor: CurrentMember,
    subject: UUID | None = None,
    kind: Annotated[str | None, Query(pattern="^[a-z_.]{1,100}$", description=KIND)] = None,
    by: Annotated[
        str | None,
        Query(alias="actor", max_length=100, description="a user's id, or a name: of everybody who is called so"),
    ] = None,
    since: Annotated[datetime | None, Query(description="at this time or later")] = None,
    until: Annotated[datetime | None, Query(description="before this time")] = None,
    after: Annotated[int, Query(ge=0, le=2**62, description="after this position")] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_ENTRIES)] = 100,
) -> Response:
    """Events in their order. `next` is the position to go on after; null at the end of the log.

    With `Accept: application/x-ndjson` all of them are streamed, a line each, up to the newest.
    """
    deps = native_deps(request)
    filter = replace(
        trail.filter_for(actor), subject=subject, kind=kind, since=since and utc(since), until=until and utc(until)
    )
    if by is not None:
        filter = replace(filter, by=await people_named(deps.people, by))
    if NDJSON in request.headers.get("accept", ""):
        await trail.page(deps.queries, filter, after, 0)  # refuse before the first line is sent
        return StreamingResponse(lines(deps, filter, after), media_type=NDJSON)
    page = await trail.page(deps.queries, filter, after, limit)
    events = await with_actor_names(deps, page.rows)
    full = len(page.rows) == limit
    return Json({"events": events, "next": page.rows[-1].position if full else None, "position": page.position})


@router.get("/subjects/{id}", response_model=SubjectOut, responses=errors(404))
async def show_subject(
    request: Request,
    actor: CurrentMember,
    id: str,
    at: Annotated[str | None, MOMENT_SCHEMA, Query(description="a position, or a time; none: now")] = None,
) -> Response:
    """What the subject was then, replayed from its events."""
    state = await replay(native_deps(request), id, at, lambda first: trail.may_see(actor, first))
    return Json(state)


async def lines(deps: NativeDeps, filter: Filter, after: int) -> AsyncIterator[bytes]:
    """Every entry after a position, one JSON line each."""
    async for entry in entries(deps, filter, after):
        yield views.line(entry) + b"\n"
