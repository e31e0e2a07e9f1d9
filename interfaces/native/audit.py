"""/api/v1/audit: the history, and any subject as it was. An owner sees what is theirs, an auditor everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from starlette.requests import Request
from starlette.responses import StreamingResponse

from application.access import Actor, allowed
from domain.aggregate import Aggregate
from domain.errors import Invalid, NotFound
from interfaces.identity import SCHEME, actor
from interfaces.native import present
from interfaces.serve import ERRORS, Deps, Json, deps
from projections import trail
from projections.trail import Entry, Filter

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=ERRORS)
Who = Annotated[Actor, Depends(actor)]
NDJSON = "application/x-ndjson"
PAGE = 1000
KIND = "workspace.expired, or workspace for all of them"


@router.get("/events", response_model=dict[str, Any])
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
    given = deps(request)
    what = Filter(subject=subject, kind=kind, since=aware(since), until=aware(until))
    if by is not None:
        what = replace(what, by=await person(given, by))
    if not allowed(who, "trail.see_all"):
        what = replace(what, owner_id=who.user_id)
    if NDJSON in request.headers.get("accept", ""):
        return StreamingResponse(lines(given, what, after), media_type=NDJSON)
    found = await trail.page(given.reads, what, after, limit)
    told = await named(given, found.rows)
    full = len(found.rows) == limit
    return Json({"events": told, "next": found.rows[-1].position if full else None, "position": found.position})


@router.get("/subjects/{id}", response_model=dict[str, Any])
async def show_subject(
    request: Request,
    who: Who,
    id: str,
    at: Annotated[str | None, Query(description="a position, or a time; none: now")] = None,
) -> Response:
    """What the subject was then, replayed from its events."""
    given = deps(request)
    moment = parse_moment(at) if at else given.clock()
    try:
        first = await trail.page(given.reads, Filter(subject=UUID(id)), 0, 1)
    except ValueError:
        raise NotFound("no such subject; ids are UUIDs") from None
    if not first.rows or not allowed(who, "trail.see", first.rows[0].owner_id):
        raise NotFound("no such subject")
    version = await trail.version_at(given.reads, UUID(id), moment)
    if not version:
        raise NotFound(f"it was not there yet; its first event is of {first.rows[0].at.isoformat()}")
    it = await given.platform.load(Aggregate, UUID(id), version)
    kind = type(it).__name__.lower()
    return Json({"subject": id, "kind": kind, "version": version, "at": moment, "state": present.state(it)})


async def lines(given: Deps, what: Filter, after: int) -> AsyncIterator[bytes]:
    while True:
        found = await trail.page(given.reads, what, after, PAGE)
        for told in await named(given, found.rows):
            yield present.line(told) + b"\n"
        if len(found.rows) < PAGE:
            return
        after = found.rows[-1].position


async def named(given: Deps, entries: list[Entry]) -> list[dict[str, Any]]:
    """Entries with the names of who acted, of those who are still known."""
    names = await given.people.names(SCHEME, list({e.by for e in entries if e.by}))
    return [present.entry(e, names) for e in entries]


async def person(given: Deps, who: str) -> UUID:
    try:
        return UUID(who)
    except ValueError:
        found = await given.people.find(SCHEME, who)
    if found is None:
        raise NotFound(f'nobody here is called "{who[:50]}"')
    return found


def parse_moment(at: str) -> int | datetime:
    """A position in the log, or a time in ISO 8601 (UTC where it does not say)."""
    if at.isdecimal() and len(at) <= 18:
        return int(at)
    try:
        return utc(datetime.fromisoformat(at))
    except ValueError:
        raise Invalid("at must be a position, or a time such as 2030-01-16T10:30:00Z") from None


def aware(at: datetime | None) -> datetime | None:
    return at and utc(at)


def utc(at: datetime) -> datetime:
    """A time that does not say its zone is taken as UTC."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)
