"""Reading the history, for the HTTP API and the shell. They decide beforehand what the reader may see."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from application.platform import Platform
from application.ports.clock import Clock
from application.ports.people import People
from domain.aggregate import Aggregate
from domain.errors import Invalid, NotFound
from interfaces.http.identity import SCHEME
from interfaces.native import views
from projections import trail
from projections.query import Queries
from projections.trail import Entry, Filter

PAGE_ENTRIES = 1000


class HistoryDeps(Protocol):
    """What the history is read from."""

    @property
    def queries(self) -> Queries: ...
    @property
    def people(self) -> People: ...
    @property
    def platform(self) -> Platform: ...
    @property
    def clock(self) -> Clock: ...


async def entries(deps: HistoryDeps, filter: Filter, after: int) -> AsyncIterator[dict[str, Any]]:
    """Every entry after a position, up to the newest, with the names of actors."""
    while True:
        page = await trail.page(deps.queries, filter, after, PAGE_ENTRIES)
        for entry in await with_actor_names(deps, page.rows):
            yield entry
        if len(page.rows) < PAGE_ENTRIES:
            return
        after = page.rows[-1].position


async def replay(deps: HistoryDeps, id: str, at: str | None, may_see: Callable[[Entry], bool]) -> dict[str, Any]:
    """A subject at a position or a time (None: now), replayed from its events.

    `may_see` decides by the subject's first event. Raises `Invalid`, and `NotFound` also where it may not be seen.
    """
    moment = parse_moment(at) if at else deps.clock()
    try:
        first = (await trail.page(deps.queries, Filter(subject=UUID(id)), 0, 1)).first
    except ValueError:
        raise NotFound("no such subject; ids are UUIDs") from None
    if first is None or not may_see(first):
        raise NotFound("no such subject")
    version = await trail.version_at(deps.queries, UUID(id), moment)
    if not version:
        raise NotFound(f"it was not there yet; its first event is of {utc(first.at).isoformat()[:-6]}Z")
    aggregate = await deps.platform.load(Aggregate, UUID(id), version)
    kind = type(aggregate).__name__.lower()
    return {"subject": aggregate.id, "kind": kind, "version": version, "at": moment, "state": views.state(aggregate)}


async def with_actor_names(deps: HistoryDeps, entries: list[Entry]) -> list[dict[str, Any]]:
    """Entries with the names of their actors; a deleted user has none."""
    actors = list({entry.by for entry in entries if entry.by})
    names = await deps.people.display_names(actors) | await deps.people.names(SCHEME, actors)
    return [views.entry(entry, names) for entry in entries]


async def person(deps: HistoryDeps, id_or_name: str) -> UUID:
    """The user with this id or name. Raises `NotFound`."""
    try:
        return UUID(id_or_name)
    except ValueError:
        user_id = await deps.people.find(SCHEME, id_or_name) if id_or_name.isprintable() else None
    if user_id is None:
        raise NotFound(f'no user is called "{id_or_name[:50]}"')
    return user_id


def parse_moment(at: str) -> int | datetime:
    """A position in the log, or a time in ISO 8601 (UTC without a zone)."""
    if at.isdecimal() and len(at) <= 18:
        return int(at)
    return parse_time(at, "at must be a position, or a time such as 2030-01-16T10:30:00Z")


def parse_time(text: str, sentence: str) -> datetime:
    """A time in ISO 8601 (UTC without a zone). Raises `Invalid` with `sentence`."""
    try:
        return utc(datetime.fromisoformat(text))
    except ValueError:
        raise Invalid(sentence) from None


def utc(at: datetime) -> datetime:
    """A time in UTC; one without a zone is taken as UTC. Raises `Invalid` outside the years 1 to 9999."""
    try:
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError:
        raise Invalid("that time is before the year 1, or after the year 9999") from None
