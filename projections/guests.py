"""Guests of hosted sessions, for as long as the session exists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.guest import ADMITTED, Guest, GuestStatus
from projections.hosted_sessions import HostedSessionRow
from projections.query import Queries, QueryResult
from projections.table import Table

DDL = """
create table guests (
    id uuid primary key,
    session_id uuid not null,
    owner_id uuid not null,
    user_id uuid not null,
    joiner_id uuid not null,
    standing text not null,
    asked_at timestamptz not null,
    until timestamptz not null,
    reason text
);
create index guests_session on guests (session_id, asked_at, id);
create index guests_user on guests (user_id, asked_at, id);
"""


@dataclass(frozen=True)
class GuestRow:
    id: UUID
    session_id: UUID
    owner_id: UUID  # of the session
    user_id: UUID  # of the guest
    joiner_id: UUID
    standing: str
    asked_at: datetime
    until: datetime
    reason: str | None = None  # why an approved guest could not be installed


STATUS_AFTER: dict[type, GuestStatus] = {
    Guest.Withdrawn: GuestStatus.WITHDRAWN,
    Guest.TimedOut: GuestStatus.TIMED_OUT,
    Guest.Rejected: GuestStatus.REJECTED,
    Guest.Approved: GuestStatus.APPROVED,
    Guest.Installed: GuestStatus.INSTALLED,
    Guest.Revoked: GuestStatus.REVOKED,
    Guest.Removed: GuestStatus.REMOVED,
}


def evolve(row: GuestRow | None, event: Any) -> GuestRow | None:
    match row, event:
        case None, Guest.Asked(originator_id=id, at=at):
            return GuestRow(
                id,
                event.session_id,
                event.owner_id,
                event.user_id,
                event.joiner_id,
                GuestStatus.WAITING,
                at,
                event.until,
            )
        case None, _:
            return None
        case _, Guest.AskedAgain(joiner_id=joiner_id, at=at, until=until):
            again = replace(row, joiner_id=joiner_id, standing=GuestStatus.WAITING, asked_at=at, until=until)
            return replace(again, reason=None)
        case _, Guest.NotInstalled(reason=reason):
            return replace(row, standing=GuestStatus.WAITING, reason=reason)
        case _, Guest.Closed():
            return None
        case GuestRow(), _ if standing := STATUS_AFTER.get(type(event)):
            return replace(row, standing=standing)
    return row


TABLE = Table("guests", GuestRow, DDL, evolve)


async def get(queries: Queries, id: UUID) -> QueryResult[GuestRow]:
    return await queries.select(GuestRow, "select * from guests where id = %s", (id,))


async def list_waiting(queries: Queries, session_id: UUID, now: datetime) -> QueryResult[GuestRow]:
    """The guests who wait for a decision, in the order of their requests."""
    sql = "select * from guests where session_id = %s and standing = %s and until > %s order by asked_at, id"
    return await queries.select(GuestRow, sql, (session_id, GuestStatus.WAITING, now))


async def list_present(queries: Queries, session_id: UUID) -> list[GuestRow]:
    """The guests who wait, are admitted, or are being removed."""
    sql = "select * from guests where session_id = %s and standing = any(%s) order by asked_at, id"
    standings = [GuestStatus.WAITING, *ADMITTED, GuestStatus.REVOKED]
    return (await queries.select(GuestRow, sql, (session_id, list(map(str, standings))))).rows


async def list_joined_by(queries: Queries, user_id: UUID) -> list[HostedSessionRow]:
    """The sessions in which the user is a guest, the newest first."""
    sql = """
        select s.* from hosted_sessions s join guests g on g.session_id = s.id
        where g.user_id = %s and g.standing = %s order by s.started_at desc, s.id
    """
    return (await queries.select(HostedSessionRow, sql, (user_id, GuestStatus.INSTALLED))).rows
