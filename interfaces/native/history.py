"""Reading the history, for the HTTP API and the shell. They decide beforehand what the reader may see."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from application.platform import Platform
from application.ports.clock import Clock
from application.ports.people import LOCAL, SELF_NAMED_SCHEMES, People, Person
from domain.aggregate import Aggregate
from domain.errors import Invalid, NotFound
from domain.name import normalize_name
from interfaces.native import views
from projections import trail
from projections.query import Queries
from projections.trail import Entry, Filter

PAGE_ENTRIES = 1000
NO_ACTOR = {"by_name": None, "by_provider": None, "by_self_named": None}


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
    @property
    def is_private(self) -> bool: ...


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
    people = await deps.people.describe(list({entry.by for entry in entries if entry.by}))
    actors = {id: actor_view(deps, person) for id, person in people.items()}
    return [views.entry(entry) | (entry.by and actors.get(entry.by) or NO_ACTOR) for entry in entries]


def actor_view(deps: HistoryDeps, person: Person) -> dict[str, Any]:
    """The name of an actor, where it is from, and whether the actor chose it.

    A name of `LOCAL` is the caller's own choice on a private installation, and a proxy's word on any other.
    """
    is_header = person.scheme == LOCAL
    is_chosen = deps.is_private if is_header else person.scheme in SELF_NAMED_SCHEMES
    provider = ("local" if deps.is_private else "proxy") if is_header else person.scheme
    return {"by_name": person.name, "by_provider": provider, "by_self_named": is_chosen}


async def people_named(people: People, id_or_name: str) -> tuple[UUID, ...]:
    """The users with this name in any way of signing in, or the one with this id. Raises `NotFound`."""
    try:
        return (UUID(id_or_name),)
    except ValueError:
        user_ids = await people.find_named(normalize_name(id_or_name)) if "\0" not in id_or_name else []
    if not user_ids:
        raise NotFound(f'no user is called "{id_or_name[:50]}"')
    return tuple(user_ids)


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
