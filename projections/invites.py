"""Invites, including those that are used up, expired or revoked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.invite import Invite
from projections.query import Queries, QueryResult
from projections.table import Table

DDL = """
create table invites (
    id uuid primary key,
    created_by uuid not null,
    role text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    max_uses bigint,
    used_count bigint not null,
    revoked boolean not null,
    expired boolean not null
);
create index invites_created on invites (created_at desc, id);
"""


@dataclass(frozen=True)
class InviteRow:
    id: UUID
    created_by: UUID
    role: str
    created_at: datetime
    expires_at: datetime
    max_uses: int | None = None
    used_count: int = 0
    revoked: bool = False
    expired: bool = False

    def is_active(self, now: datetime) -> bool:
        has_uses_left = self.max_uses is None or self.used_count < self.max_uses
        return has_uses_left and not self.revoked and not self.expired and self.expires_at > now


def evolve(row: InviteRow | None, event: Any) -> InviteRow | None:
    match row, event:
        case None, Invite.Created(originator_id=id, at=at):
            return InviteRow(id, event.created_by, event.role, at, event.expires_at, event.max_uses)
        case InviteRow(), Invite.Accepted():
            return replace(row, used_count=row.used_count + 1)
        case InviteRow(), Invite.Revoked():
            return replace(row, revoked=True)
        case InviteRow(), Invite.Expired():
            return replace(row, expired=True)
    return row


TABLE = Table("invites", InviteRow, DDL, evolve)


async def list_all(queries: Queries) -> QueryResult[InviteRow]:
    """Newest first."""
    return await queries.select(InviteRow, "select * from invites order by created_at desc, id")
