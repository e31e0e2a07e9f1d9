"""The trail: every event, in order, as people and streams read it. What auditors page through is what screens follow.

`state` is the subject's row after the event, None where it has none (any more).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from application.access import Actor, allowed
from projections.query import Found, Reads
from projections.table import as_json

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
ENVELOPE = {
    "originator_id",
    "originator_version",
    "originator_topic",
    "timestamp",
    "at",
    "by",
    "request_id",
    "caused_by",
}


@dataclass(frozen=True)
class Entry:
    position: int
    subject: UUID
    version: int
    kind: str
    at: datetime
    by: UUID | None
    owner_id: UUID | None  # who holds the subject
    shared: bool  # every member of the place may see it; else its owner, and auditors
    request_id: str
    caused_by: int | None
    facts: dict[str, Any]
    state: dict[str, Any] | None


def kind_of(event: Any) -> str:
    """ "workspace.expiry_warned" for a `Workspace.ExpiryWarned`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(event).__qualname__).lower()


SHARED = ("session", "claim")  # aggregates whose history is everybody's here, where it is not somebody's


def entry(event: Any, position: int, owner_id: UUID | None, row: Any) -> Entry:
    facts = {k: v for k, v in vars(event).items() if k not in ENVELOPE}
    return Entry(
        position,
        event.originator_id,
        event.originator_version,
        kind_of(event),
        event.at,
        event.by,
        owner_id,
        kind_of(event).partition(".")[0] in SHARED and owner_id is None,
        event.request_id,
        event.caused_by,
        facts,
        vars(row) if row is not None else None,
    )


def from_dict(entry: dict[str, Any]) -> Entry:
    """An entry that went over a wire as JSON."""
    uuids = {k: UUID(v) for k in ("subject", "by", "owner_id") if (v := entry[k]) is not None}
    return Entry(**entry | uuids | {"at": datetime.fromisoformat(entry["at"])})


async def append(conn: AsyncConnection[Any], entries: Sequence[Entry]) -> None:
    await conn.execute(
        "insert into trail select * from jsonb_populate_recordset(null::trail, %s::jsonb)",
        (as_json([vars(e) for e in entries]),),
    )


@dataclass(frozen=True)
class Filter:
    """What to show of the trail. None: whatever."""

    owner_id: UUID | None = None  # of the subject
    or_shared: bool = False  # with owner_id: and what is shared
    subject: UUID | None = None
    kind: str | None = None  # "workspace.expired", or "workspace" for all of that aggregate
    by: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def where(self) -> tuple[str, list[Any]]:
        wanted: list[tuple[str, Any]] = []
        if self.owner_id:
            clause = "(owner_id = %s or shared)" if self.or_shared else "owner_id = %s"
            wanted.append((clause, self.owner_id))
        if self.subject:
            wanted.append(("subject = %s", self.subject))
        if self.kind:
            wanted.append(("(kind = %s or split_part(kind, '.', 1) = %s)", self.kind))
        if self.by:
            wanted.append(("by = %s", self.by))
        if self.since:
            wanted.append(("at >= %s", self.since))
        if self.until:
            wanted.append(("at < %s", self.until))
        args = [value for clause, value in wanted for _ in range(clause.count("%s"))]
        return "".join(f" and {clause}" for clause, _ in wanted), args


def may_see(actor: Actor, it: Entry) -> bool:
    """Whether the actor is told: what is theirs, what is shared with everybody here, or, auditing, everything."""
    return (it.shared and allowed(actor, "session.view")) or allowed(actor, "trail.see", it.owner_id)


def seen_by(actor: Actor) -> Filter:
    """The same, as a question to the table."""
    if allowed(actor, "trail.see_all"):
        return Filter()
    return Filter(owner_id=actor.user_id, or_shared=allowed(actor, "session.view"))


async def page(reads: Reads, what: Filter, after: int, limit: int, *, wait: bool = True) -> Found[Entry]:
    """Entries after a position, oldest first."""
    where, args = what.where()
    sql = f"select * from trail where position > %s{where} order by position limit %s"
    return await reads.find(Entry, sql, [after, *args, limit], wait=wait)


async def more_than(reads: Reads, what: Filter, after: int, count: int) -> bool:
    """Whether there are more entries than that after a position."""
    where, args = what.where()
    sql = f"select position as version from trail where position > %s{where} order by position offset %s limit 1"
    return bool((await reads.find(_Version, sql, [after, *args, count])).rows)


async def version_at(reads: Reads, subject: UUID, at: int | datetime) -> int:
    """How far the subject's own stream had come at a position of the log, or at a time. 0: not there yet."""
    column = "position" if isinstance(at, int) else "at"
    sql = f"select coalesce(max(version), 0) as version from trail where subject = %s and {column} <= %s"
    found = await reads.find(_Version, sql, (subject, at))
    return found.rows[0].version


@dataclass(frozen=True)
class _Version:
    version: int
