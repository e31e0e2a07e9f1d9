"""Operations on workspaces: creations, starts, stops, restarts, snapshots, restores and deletions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from domain.workspace import Workspace
from projections.query import Queries, QueryResult
from projections.table import Table

DDL = """
create table operations (
    id uuid primary key,
    workspace_id uuid not null,
    kind text not null,
    started_at timestamptz not null,
    outcome text,
    completed_at timestamptz,
    error text
);
create index operations_workspace on operations (workspace_id, started_at);
"""


@dataclass(frozen=True)
class OperationRow:
    id: UUID
    workspace_id: UUID
    kind: str  # create, start, stop, restart, snapshot, restore, delete
    started_at: datetime
    outcome: str | None = None  # "done" or "failed"; None: not yet
    completed_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True)
class ListedOperation(OperationRow):
    under_way: bool = False  # a worker is at it


def key(event: Any) -> UUID | None:
    """The operation of an event. A workspace is created once and ends once; other events name their operation."""
    match event:
        case Workspace.Requested() | Workspace.Delayed() | Workspace.Provisioned() | Workspace.ProvisioningFailed():
            return uuid5(event.originator_id, "create")
        case Workspace.Deleted() | Workspace.Expired() | Workspace.Destroyed():
            return uuid5(event.originator_id, "delete")
    return getattr(event, "operation_id", None)


def evolve(row: OperationRow | None, event: Any) -> OperationRow | None:
    match row, event:
        case None, Workspace.Requested(originator_id=workspace_id, at=at):
            return OperationRow(uuid5(workspace_id, "create"), workspace_id, "create", at)
        case None, Workspace.Deleted(originator_id=workspace_id, at=at) | Workspace.Expired(
            originator_id=workspace_id, at=at
        ):
            return OperationRow(uuid5(workspace_id, "delete"), workspace_id, "delete", at)
        case None, Workspace.OperationRequested(originator_id=workspace_id, at=at):
            return OperationRow(event.operation_id, workspace_id, event.operation, at)
        case None, _:
            return None
        case _, Workspace.Delayed(reason=reason):
            return replace(row, error=reason)
        case _, Workspace.ProvisioningFailed(reason=reason, at=at) | Workspace.OperationFailed(reason=reason, at=at):
            return replace(row, outcome="failed", completed_at=at, error=reason)
        case OperationRow(), _:
            return replace(row, outcome="done", completed_at=event.at, error=None)
    return row


TABLE = Table("operations", OperationRow, DDL, evolve, key)

LISTED = """
select o.*, exists (
    select from work w where w.subject = o.workspace_id and w.holder is not null and w.command = 'workspace.' ||
        case o.kind when 'create' then 'provision' when 'delete' then 'destroy' else 'operate' end
) and o.outcome is null as under_way
from operations o join holders h on h.id = o.workspace_id
"""


async def list_owned_by(
    queries: Queries, owner_id: UUID, workspace_id: UUID | None = None
) -> QueryResult[ListedOperation]:
    """The newest first, of one workspace or of every one that the owner has or had."""
    return await queries.select(
        ListedOperation,
        LISTED + "where h.owner_id = %s and (%s::uuid is null or o.workspace_id = %s) order by started_at desc, id",
        (owner_id, workspace_id, workspace_id),
    )


async def get(queries: Queries, owner_id: UUID, id: UUID) -> ListedOperation | None:
    return (await queries.select(ListedOperation, LISTED + "where h.owner_id = %s and o.id = %s", (owner_id, id))).first
