"""/api/v1/audit: the history, and any subject as it was. An owner sees what is theirs, an auditor everything."""

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
from interfaces.native import views as present
from interfaces.native.deps import NativeDeps, native_deps
from interfaces.native.history import PAGE, as_it_was, entries, named, person, utc
from interfaces.native.views import EventsOut, SubjectOut
from projections import trail
from projections.trail import Filter

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=errors(400, 401))
Who = Annotated[Actor, Depends(current_member)]
NDJSON = "application/x-ndjson"
POSITION = {"type": "integer", "minimum": 0, "exclusiveMaximum": 10**18}
MOMENT = WithJsonSchema({"anyOf": [POSITION, {"type": "string", "format": "date-time"}]})
LINES: dict[int | str, dict[str, Any]] = {
    200: {"content": {NDJSON: {"schema": {"type": "string", "description": "an event a line"}}}}
}
KIND = "workspace.expired, or workspace for all of them"


@router.get("/events", response_model=EventsOut, responses=errors(404) | LINES)
async def list_events(
    request: Request,
    who: Who,
    subject: UUID | None = None,
    kind: Annotated[str | None, Query(pattern="^[a-z_.]{1,100}$", description=KIND)] = None,
    by: Annotated[str | None, Query(alias="actor", max_length=100, description="a user's id or name")] = None,
    since: Annotated[datetime | None, Query(description="at this time or later")] = None,
    until: Annotated[datetime | None, Query(description="before this time")] = None,
    after: Annotated[int, Query(ge=0, le=2**62, description="after this position")] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 100,
) -> Response:
    """Events in their order. `next` is the position to go on after; null at the end of the log.

    With `Accept: application/x-ndjson` all of them are streamed, a line each, up to the newest.
    """
    deps = native_deps(request)
    what = replace(
        trail.filter_for(who), subject=subject, kind=kind, since=since and utc(since), until=until and utc(until)
    )
    if by is not None:
        what = replace(what, by=await person(deps, by))
    if NDJSON in request.headers.get("accept", ""):
        await trail.page(deps.queries, what, after, 0)  # a refusal must come before the first line
        return StreamingResponse(lines(deps, what, after), media_type=NDJSON)
    found = await trail.page(deps.queries, what, after, limit)
    told = await named(deps, found.rows)
    full = len(found.rows) == limit
    return Json({"events": told, "next": found.rows[-1].position if full else None, "position": found.position})


@router.get("/subjects/{id}", response_model=SubjectOut, responses=errors(404))
async def show_subject(
    request: Request,
    who: Who,
    id: str,
    at: Annotated[str | None, MOMENT, Query(description="a position, or a time; none: now")] = None,
) -> Response:
    """What the subject was then, replayed from its events."""
    told = await as_it_was(native_deps(request), id, at, lambda first: trail.may_see(who, first))
    return Json(told)


async def lines(deps: NativeDeps, what: Filter, after: int) -> AsyncIterator[bytes]:
    async for told in entries(deps, what, after):
        yield present.line(told) + b"\n"
