"""Members and their roles. Their names are rows outside the log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.user import User
from projections.query import Queries, QueryResult
from projections.table import Table

DDL = """
create table users (
    id uuid primary key,
    role text not null,
    joined_at timestamptz not null,
    invite_id uuid
);
create index users_joined on users (joined_at, id);
"""


@dataclass(frozen=True)
class UserRow:
    id: UUID
    role: str
    joined_at: datetime
    invite_id: UUID | None = None


def evolve(row: UserRow | None, event: Any) -> UserRow | None:
    match row, event:
        case None, User.Joined(originator_id=id, role=role, at=at, invite_id=invite_id):
            return UserRow(id, role, at, invite_id)
        case UserRow(), User.RoleChanged(role=role):
            return replace(row, role=role)
        case _, User.Removed():
            return None
    return row


TABLE = Table("users", UserRow, DDL, evolve)


async def get(queries: Queries, id: UUID) -> UserRow | None:
    return (await queries.select(UserRow, "select * from users where id = %s", (id,))).first


async def list_all(queries: Queries) -> QueryResult[UserRow]:
    """In the order in which they joined."""
    return await queries.select(UserRow, "select * from users order by joined_at, id")
