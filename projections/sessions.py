"""Tmux sessions, each with its claim."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from application.access import Actor, allowed
from domain.session import Session
from projections.query import Queries, QueryResult
from projections.table import Table

DDL = """
create table sessions (
    id uuid primary key,
    host text not null,
    server bigint not null,
    tmux_id text not null,
    name text not null,
    windows int not null,
    created_at timestamptz not null,
    owner_id uuid,
    closed boolean not null,
    lead_id uuid
);
create index sessions_name on sessions (name) where not closed;
"""


@dataclass(frozen=True)
class SessionRow:
    id: UUID
    host: str
    server: int
    tmux_id: str
    name: str
    windows: int
    created_at: datetime
    owner_id: UUID | None = None  # of the workspace that it is in; None: every member's
    closed: bool = False  # the row stays, since the session may be observed again
    lead_id: UUID | None = None  # the other session of its tmux group whose claim covers this one


@dataclass(frozen=True)
class ListedSession:
    """An open session with the holder of its claim; None: nobody holds it."""

    id: UUID
    host: str
    server: int
    tmux_id: str
    name: str
    windows: int
    created_at: datetime
    owner_id: UUID | None
    holder_id: UUID | None
    expires_at: datetime | None
    claim_session_id: UUID  # the session whose claim covers this one: its own, or the lead of its tmux group


def evolve(row: SessionRow | None, event: Any) -> SessionRow | None:
    match row, event:
        case None, Session.Found():
            return SessionRow(
                event.originator_id,
                event.host,
                event.server,
                event.tmux_id,
                event.name,
                event.windows,
                event.created_at,
                event.owner_id,
            )
        case None, _:
            return None
        case _, Session.Renamed(name=name):
            return replace(row, name=name)
        case _, Session.Resized(windows=windows):
            return replace(row, windows=windows)
        case _, Session.FoundAgain(name=name, windows=windows):
            return replace(row, name=name, windows=windows, closed=False)
        case _, Session.Grouped(lead_id=lead_id):
            return replace(row, lead_id=lead_id)
        case _, Session.Closed():
            return replace(row, closed=True)
    return row


TABLE = Table("sessions", SessionRow, DDL, evolve)

LISTED = """
select s.id, s.host, s.server, s.tmux_id, s.name, s.windows, s.created_at, s.owner_id, c.holder_id,
    case when c.holder_id is not null then c.expires_at end as expires_at,
    coalesce(s.lead_id, s.id) as claim_session_id
from sessions s left join claims c
    on c.session_id = coalesce(s.lead_id, s.id) and c.holder_id is not null and c.expires_at > %s
where not s.closed
"""
VISIBLE = "and (s.owner_id is null or s.owner_id = coalesce(%s, s.owner_id)) "


def owner_filter(actor: Actor) -> UUID | None:
    """The owner whose sessions the actor may see, beside the shared ones. None: every owner."""
    return None if allowed(actor, "terminal.use_any") else actor.user_id


async def list_all(queries: Queries, now: datetime) -> QueryResult[ListedSession]:
    """Every open session, by name. The caller must ask `may_view` for each."""
    return await queries.select(ListedSession, LISTED + "order by s.name, s.created_at", (now,))


async def list_visible(queries: Queries, actor: Actor, now: datetime) -> QueryResult[ListedSession]:
    """The open sessions that the actor may see, by name."""
    return await queries.select(
        ListedSession, LISTED + VISIBLE + "order by s.name, s.created_at", (now, owner_filter(actor))
    )


async def get_by_name(queries: Queries, actor: Actor, name: str, now: datetime) -> ListedSession | None:
    """The session of this name. Every tmux server may have one: the host's comes before a workspace's."""
    sql = LISTED + VISIBLE + "and s.name = %s order by s.host <> 'host', s.created_at desc limit 1"
    return (await queries.select(ListedSession, sql, (now, owner_filter(actor), name))).first


async def get_by_id(queries: Queries, actor: Actor, id: UUID, now: datetime) -> ListedSession | None:
    return (
        await queries.select(ListedSession, LISTED + VISIBLE + "and s.id = %s", (now, owner_filter(actor), id))
    ).first


async def list_by_claim(queries: Queries, actor: Actor, session_id: UUID, now: datetime) -> list[ListedSession]:
    """The sessions that the claim of this session covers, as far as the actor may see them."""
    sql = LISTED + VISIBLE + "and coalesce(s.lead_id, s.id) = %s order by s.name"
    return (await queries.select(ListedSession, sql, (now, owner_filter(actor), session_id))).rows


async def list_open(queries: Queries) -> list[SessionRow]:
    """Every session that is open according to the log."""
    return (await queries.select(SessionRow, "select * from sessions where not closed")).rows
