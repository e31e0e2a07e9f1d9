"""Hosted sessions that have not ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.hosted_session import HostedSession
from projections.query import Queries, QueryResult
from projections.table import Table

DDL = """
create table hosted_sessions (
    id uuid primary key,
    owner_id uuid not null,
    workspace_id uuid not null,
    alias text not null,
    no_join boolean not null,
    machine_id text not null,
    region text not null,
    started_at timestamptz not null
);
create index hosted_sessions_owner on hosted_sessions (owner_id, started_at desc, id);
"""


@dataclass(frozen=True)
class HostedSessionRow:
    id: UUID
    owner_id: UUID
    workspace_id: UUID
    alias: str
    no_join: bool
    machine_id: str
    region: str
    started_at: datetime


def evolve(row: HostedSessionRow | None, event: Any) -> HostedSessionRow | None:
    match row, event:
        case None, HostedSession.Opened():
            return HostedSessionRow(
                event.originator_id,
                event.owner_id,
                event.workspace_id,
                event.alias,
                event.no_join,
                event.machine_id,
                event.region,
                event.at,
            )
        case _, HostedSession.Ended():
            return None
    return row


TABLE = Table("hosted_sessions", HostedSessionRow, DDL, evolve)


async def list_owned_by(
    queries: Queries, owner_id: UUID, limit: int | None = None, offset: int = 0
) -> QueryResult[HostedSessionRow]:
    """The newest first. `limit` None: every session."""
    return await queries.select(
        HostedSessionRow,
        "select * from hosted_sessions where owner_id = %s order by started_at desc, id limit %s offset %s",
        (owner_id, limit, offset),
    )


async def list_all(queries: Queries) -> list[HostedSessionRow]:
    """Every session, the oldest first."""
    return (await queries.select(HostedSessionRow, "select * from hosted_sessions order by started_at, id")).rows


async def get(queries: Queries, id: UUID) -> HostedSessionRow | None:
    return (await queries.select(HostedSessionRow, "select * from hosted_sessions where id = %s", (id,))).first
