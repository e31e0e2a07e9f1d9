"""API keys that are not revoked. Their names are rows outside the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.api_key import ApiKey
from projections.query import Queries, QueryResult
from projections.table import Table

DDL = """
create table api_keys (
    id uuid primary key,
    owner_id uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    scopes text[] not null
);
create index api_keys_owner on api_keys (owner_id, created_at desc, id);
"""


@dataclass(frozen=True)
class ApiKeyRow:
    id: UUID
    owner_id: UUID
    created_at: datetime
    expires_at: datetime | None = None
    scopes: list[str] = field(default_factory=list)


def evolve(row: ApiKeyRow | None, event: Any) -> ApiKeyRow | None:
    match row, event:
        case None, ApiKey.Created(originator_id=id, at=at, expires_at=ends):
            return ApiKeyRow(id, event.owner_id, at, ends, event.scopes)
        case _, ApiKey.Revoked():
            return None
    return row


TABLE = Table("api_keys", ApiKeyRow, DDL, evolve)


async def list_owned_by(queries: Queries, owner_id: UUID) -> QueryResult[ApiKeyRow]:
    """Newest first."""
    sql = "select * from api_keys where owner_id = %s order by created_at desc, id"
    return await queries.select(ApiKeyRow, sql, (owner_id,))
