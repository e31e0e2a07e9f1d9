"""Orphans that wait for the end of their grace, or for an administrator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.orphan import Orphan
from projections.query import Queries
from projections.table import Table

DDL = """
create table orphans (
    id uuid primary key,
    kind text not null,
    workspace_id uuid not null,
    provider text not null,
    provider_id text not null,
    engine_id text not null,
    region text not null,
    found_at timestamptz not null,
    destroy_at timestamptz,
    destroying boolean not null
);
"""


@dataclass(frozen=True)
class OrphanRow:
    id: UUID
    kind: str
    workspace_id: UUID
    provider: str
    provider_id: str
    engine_id: str
    region: str
    found_at: datetime
    destroy_at: datetime | None  # None: only when an administrator says so
    destroying: bool = False  # an administrator has said so


def evolve(row: OrphanRow | None, event: Any) -> OrphanRow | None:
    match row, event:
        case None, Orphan.Found():
            return OrphanRow(
                event.originator_id,
                event.kind,
                event.workspace_id,
                event.provider,
                event.provider_id,
                event.engine_id,
                event.region,
                event.at,
                event.destroy_at,
            )
        case None, _:
            return None
        case _, Orphan.Held():
            return replace(row, destroy_at=None)
        case _, Orphan.DestroyRequested():
            return replace(row, destroying=True)
        case _, Orphan.Adopted() | Orphan.Destroyed():
            return None
    return row


TABLE = Table("orphans", OrphanRow, DDL, evolve)


async def list_all(queries: Queries) -> list[OrphanRow]:
    """Oldest first."""
    return (await queries.select(OrphanRow, "select * from orphans order by found_at, id")).rows


async def list_in(queries: Queries, region: str) -> list[OrphanRow]:
    """Those of one region."""
    return (await queries.select(OrphanRow, "select * from orphans where region = %s", (region,))).rows
