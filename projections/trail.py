"""The trail: every event in order, in the form that auditors page through and that streams push."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, cast
from uuid import UUID

from psycopg import AsyncConnection

from application.access import Actor, allowed
from projections.query import Queries, QueryResult
from projections.table import to_jsonb

DDL = """
create table trail (
    position bigint primary key,
    subject uuid not null,
    version bigint not null,
    kind text not null,
    at timestamptz not null,
    by uuid,
    owner_id uuid,
    shared boolean not null,
    request_id text not null,
    caused_by bigint,
    facts jsonb not null,
    state jsonb
);
create index trail_subject on trail (subject, position);
create index trail_owner on trail (owner_id, position);
create index trail_by on trail (by, position);
create index trail_kind on trail (kind, position);
create index trail_at on trail (at);
"""
# What every event has, and so is no fact of its own.
ENVELOPE_FIELDS = {
    "originator_id",
    "originator_version",
    "originator_topic",
    "timestamp",
    "at",
    "by",
    "request_id",
    "caused_by",
}
SHARED_NOUNS = ("session", "claim")  # their events are everybody's where the subject has no owner


class Facts(TypedDict, total=False):
    """The payload of an event, by field. Every event has its own fields; these are the ones that code reads.

    Ids and times are strings in an entry that went through JSON: in a row, and in a push between processes.
    """

    document: dict[str, Any]  # of `vm_config.created` and `vm_config.patched`
    expires_at: datetime | str
    from_id: UUID | str | None
    holder_id: UUID | str
    name: str
    role: str
    ttl_seconds: int
    user_id: UUID | str


class State(TypedDict, total=False):
    """The subject's row after an event, by column. Every read model has its own; these are the ones that code reads.

    Ids and times are strings in an entry that went through JSON, as in `Facts`.
    """

    error: str | None
    joiner_id: UUID | str
    owner_id: UUID | str
    provider: str
    reason: str | None
    region: str
    session_id: UUID | str
    standing: str
    status: str


@dataclass(frozen=True)
class Entry:
    """One event of the trail."""

    position: int
    subject: UUID  # the aggregate's id
    version: int  # of the aggregate, after the event
    kind: str  # "workspace.expired"
    at: datetime
    by: UUID | None  # the user who asked; None: Tenure itself
    owner_id: UUID | None  # of the subject
    shared: bool  # True: every member may see it; False: only its owner and auditors
    request_id: str
    caused_by: int | None  # the position of the event that caused this one
    facts: Facts
    state: State | None  # None: the subject has no row (any more)


def kind_of(event: Any) -> str:
    """Return "workspace.expiry_warned" for a `Workspace.ExpiryWarned`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(event).__qualname__).lower()


def entry_of(event: Any, position: int, owner_id: UUID | None, row: Any) -> Entry:
    """The entry of an event; `row` is its subject's row after it, or None."""
    kind = kind_of(event)
    return Entry(
        position=position,
        subject=event.originator_id,
        version=event.originator_version,
        kind=kind,
        at=event.at,
        by=event.by,
        owner_id=owner_id,
        shared=kind.partition(".")[0] in SHARED_NOUNS and owner_id is None,
        request_id=event.request_id,
        caused_by=event.caused_by,
        facts=cast(Facts, {name: value for name, value in vars(event).items() if name not in ENVELOPE_FIELDS}),
        state=cast(State, vars(row)) if row is not None else None,
    )


def from_json(entry: dict[str, Any]) -> Entry:
    """The entry from its fields as JSON values."""
    ids = {name: UUID(entry[name]) for name in ("subject", "by", "owner_id") if entry[name] is not None}
    return Entry(**entry | ids | {"at": datetime.fromisoformat(entry["at"])})


async def append(conn: AsyncConnection[Any], entries: Sequence[Entry]) -> None:
    await conn.execute(
        "insert into trail select * from jsonb_populate_recordset(null::trail, %s::jsonb)",
        (to_jsonb([vars(e) for e in entries]),),
    )


@dataclass(frozen=True)
class Filter:
    """Which entries of the trail to return. None, or False, does not restrict."""

    owner_id: UUID | None = None  # of the subject
    or_shared: bool = False  # with `owner_id`: shared entries too
    subject: UUID | None = None
    kind: str | None = None  # "workspace.expired", or "workspace" for every event of that aggregate
    by: tuple[UUID, ...] | None = None  # the actors
    since: datetime | None = None
    until: datetime | None = None  # exclusive

    def where(self) -> tuple[str, list[Any]]:
        """SQL that continues a `where` clause, and its arguments."""
        clauses: list[tuple[str, Any]] = []
        if self.owner_id:
            clause = "(owner_id = %s or shared)" if self.or_shared else "owner_id = %s"
            clauses.append((clause, self.owner_id))
        if self.subject:
            clauses.append(("subject = %s", self.subject))
        if self.kind:
            clauses.append(("(kind = %s or split_part(kind, '.', 1) = %s)", self.kind))
        if self.by is not None:
            clauses.append(("by = any(%s)", list(self.by)))
        if self.since:
            clauses.append(("at >= %s", self.since))
        if self.until:
            clauses.append(("at < %s", self.until))
        args = [value for clause, value in clauses for _ in range(clause.count("%s"))]
        return "".join(f" and {clause}" for clause, _ in clauses), args


def may_see(actor: Actor, entry: Entry) -> bool:
    """Whether the actor may see an entry: it is about something of theirs, it is shared, or they are an auditor."""
    return (entry.shared and allowed(actor, "session.view")) or allowed(actor, "trail.see", entry.owner_id)


def filter_for(actor: Actor) -> Filter:
    """The filter that returns exactly what `may_see` allows."""
    if allowed(actor, "trail.see_all"):
        return Filter()
    return Filter(owner_id=actor.user_id, or_shared=allowed(actor, "session.view"))


async def page(queries: Queries, filter: Filter, after: int, limit: int, *, wait: bool = True) -> QueryResult[Entry]:
    """Entries after a position, oldest first, at most `limit`. `wait` as in `Queries.select`."""
    where, args = filter.where()
    sql = f"select * from trail where position > %s{where} order by position limit %s"
    return await queries.select(Entry, sql, [after, *args, limit], wait=wait)


async def has_more_than(queries: Queries, filter: Filter, after: int, count: int) -> bool:
    """Whether there are more than `count` entries after a position."""
    where, args = filter.where()
    sql = f"select position as version from trail where position > %s{where} order by position offset %s limit 1"
    return bool((await queries.select(_Version, sql, [after, *args, count])).rows)


async def version_at(queries: Queries, subject: UUID, at: int | datetime) -> int:
    """The subject's version at a position of the log, or at a time. 0: it was not there yet."""
    column = "position" if isinstance(at, int) else "at"
    sql = f"select coalesce(max(version), 0) as version from trail where subject = %s and {column} <= %s"
    result = await queries.select(_Version, sql, (subject, at))
    return result.rows[0].version


@dataclass(frozen=True)
class _Version:
    version: int
