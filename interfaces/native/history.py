"""Reading the history, for whoever has found out what the asker may see: the HTTP API, and the shell."""

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
from interfaces.native import views as present
from projections import trail
from projections.query import Queries
from projections.trail import Entry, Filter

PAGE = 1000


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


async def entries(deps: HistoryDeps, what: Filter, after: int) -> AsyncIterator[dict[str, Any]]:
    """All of them after a position, up to the newest."""
    while True:
        found = await trail.page(deps.queries, what, after, PAGE)
        for told in await named(deps, found.rows):
            yield told
        if len(found.rows) < PAGE:
            return
        after = found.rows[-1].position


async def as_it_was(deps: HistoryDeps, id: str, at: str | None, may_see: Callable[[Entry], bool]) -> dict[str, Any]:
    """A subject at a position or a time (None: now), replayed from its events.

    `may_see` is asked about its first event. Raises `NotFound`, also where it may not be seen, and `Invalid`.
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
    it = await deps.platform.load(Aggregate, UUID(id), version)
    kind = type(it).__name__.lower()
    return {"subject": it.id, "kind": kind, "version": version, "at": moment, "state": present.state(it)}


async def named(deps: HistoryDeps, entries: list[Entry]) -> list[dict[str, Any]]:
    """Entries with the names of who acted, of those who are still known."""
    actors = list({e.by for e in entries if e.by})
    names = await deps.people.display_names(actors) | await deps.people.names(SCHEME, actors)
    return [present.entry(e, names) for e in entries]


async def person(deps: HistoryDeps, who: str) -> UUID:
    """The user with this id or name. Raises `NotFound`."""
    try:
        return UUID(who)
    except ValueError:
        found = await deps.people.find(SCHEME, who) if who.isprintable() else None
    if found is None:
        raise NotFound(f'nobody here is called "{who[:50]}"')
    return found


def parse_moment(at: str) -> int | datetime:
    """A position in the log, or a time in ISO 8601 (UTC where it does not say)."""
    if at.isdecimal() and len(at) <= 18:
        return int(at)
    return parse_time(at, "at must be a position, or a time such as 2030-01-16T10:30:00Z")


def parse_time(text: str, wrong: str) -> datetime:
    """A time in ISO 8601 (UTC where it does not say). Raises `Invalid` with the sentence that is given."""
    try:
        return utc(datetime.fromisoformat(text))
    except ValueError:
        raise Invalid(wrong) from None


def utc(at: datetime) -> datetime:
    """It in UTC, also where it does not say so. Raises `Invalid` where that leaves the calendar."""
    try:
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError:
        raise Invalid("that time is before the year 1, or after the year 9999") from None
