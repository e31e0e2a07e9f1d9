"""Open accounts for virtual machines. Usernames and reasons of bans are rows outside the log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.vm_account import VmAccount
from projections.query import Queries, QueryResult
from projections.table import Table

DDL = """
create table vm_accounts (
    id uuid primary key,
    user_id uuid not null,
    number bigint not null,
    user_type text not null,
    banned boolean not null,
    opened_at timestamptz not null
);
create unique index vm_accounts_user on vm_accounts (user_id);
create unique index vm_accounts_number on vm_accounts (number);
"""
BIGINT_BITS = 63  # PostgreSQL refuses to compare with a larger number


@dataclass(frozen=True)
class VmAccountRow:
    id: UUID
    user_id: UUID
    number: int
    user_type: str
    banned: bool
    opened_at: datetime


def evolve(row: VmAccountRow | None, event: Any) -> VmAccountRow | None:
    match row, event:
        case None, VmAccount.Opened(originator_id=id, owner_id=user_id, number=number, user_type=user_type, at=at):
            return VmAccountRow(id, user_id, number, user_type, False, at)
        case VmAccountRow(), VmAccount.TypeChanged(user_type=user_type):
            return replace(row, user_type=user_type)
        case VmAccountRow(), VmAccount.Banned():
            return replace(row, banned=True)
        case VmAccountRow(), VmAccount.Unbanned():
            return replace(row, banned=False)
        case _, VmAccount.Closed():
            return None
    return row


TABLE = Table("vm_accounts", VmAccountRow, DDL, evolve)


async def get_by_number(queries: Queries, number: int) -> VmAccountRow | None:
    if not 0 < number < 1 << BIGINT_BITS:
        return None
    return (await queries.select(VmAccountRow, "select * from vm_accounts where number = %s", (number,))).first


async def list_all(queries: Queries) -> QueryResult[VmAccountRow]:
    """In the order in which they were opened."""
    return await queries.select(VmAccountRow, "select * from vm_accounts order by number")
