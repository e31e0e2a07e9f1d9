"""Workspaces that have not ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from domain.machine import MachineFacts, Status
from domain.region import LOCAL
from domain.workspace import Workspace
from projections.query import Queries, QueryResult
from projections.table import Table

DDL = """
create table workspaces (
    id uuid primary key,
    owner_id uuid not null,
    name text not null,
    template text,
    provider text not null,
    status text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    ttl_seconds bigint,
    expires_at timestamptz,
    machine jsonb,
    error text,
    waiting text,
    operation text,
    snapshots jsonb not null,
    region text not null
);
create index workspaces_owner on workspaces (owner_id, created_at desc, id);
"""


class SnapshotState(TypedDict):
    """A snapshot in a workspace's row, JSON values only."""

    id: str
    label: str
    status: str  # taking, ready, failed
    created_at: str
    size_bytes: int | None  # None: not known yet


@dataclass(frozen=True)
class WorkspaceRow:
    id: UUID
    owner_id: UUID
    name: str
    template: str | None
    provider: str
    status: str
    created_at: datetime
    updated_at: datetime
    ttl_seconds: int | None = None
    expires_at: datetime | None = None
    machine: MachineFacts | None = None
    error: str | None = None
    waiting: str | None = None  # why it is not running yet
    operation: str | None = None  # under way on its machine
    snapshots: list[SnapshotState] = field(default_factory=list)
    region: str = LOCAL


def evolve(row: WorkspaceRow | None, event: Any) -> WorkspaceRow | None:
    match row, event:
        case None, Workspace.Requested():
            return WorkspaceRow(
                event.originator_id,
                event.owner_id,
                event.name,
                event.template,
                event.provider,
                Status.CREATING,
                event.at,
                event.at,
                event.ttl_seconds,
                event.expires_at,
                region=event.region,
            )
        case None, _:
            return None
        case _, Workspace.Delayed(reason=reason):
            return replace(row, waiting=reason)
        case _, Workspace.Provisioned() | Workspace.Started() | Workspace.Adopted():
            return replace(settled(row, Status.RUNNING, event.at), machine=event.machine, error=None)
        case _, Workspace.ProvisioningFailed() | Workspace.Vanished():
            return replace(settled(row, Status.FAILED, event.at), error=event.reason)
        case _, Workspace.OperationRequested():
            return replace(row, operation=event.operation, updated_at=event.at, snapshots=with_new_snapshot(row, event))
        case _, Workspace.Stopped(at=at, cause=cause):
            return replace(settled(row, Status.STOPPED, at), error=cause["reason"] if cause else None)
        case _, Workspace.SnapshotTaken():
            return settled(replace(row, snapshots=with_size(row, event)), row.status, event.at)
        case _, Workspace.OperationFailed():
            return settled(row, row.status, event.at)
        case _, Workspace.Extended(ttl_seconds=ttl, expires_at=ends, at=at):
            return replace(row, ttl_seconds=ttl, expires_at=ends, updated_at=at)
        case _, Workspace.Expired() | Workspace.Deleted():
            return None
    return row


def settled(row: WorkspaceRow, status: str, at: datetime) -> WorkspaceRow:
    """The row with nothing under way. A snapshot that was being taken has failed."""
    snapshots = [with_status(s, "failed") if s["status"] == "taking" else s for s in row.snapshots]
    return replace(row, status=status, updated_at=at, waiting=None, operation=None, snapshots=snapshots)


def with_status(snapshot: SnapshotState, status: str) -> SnapshotState:
    return {**snapshot, "status": status}


def new_snapshot(id: UUID | None, label: str, at: datetime) -> SnapshotState:
    return {"id": str(id), "label": label, "status": "taking", "created_at": at.isoformat(), "size_bytes": None}


def with_new_snapshot(row: WorkspaceRow, event: Workspace.OperationRequested) -> list[SnapshotState]:
    if event.operation != "snapshot":
        return row.snapshots
    return [*row.snapshots, new_snapshot(event.snapshot_id, event.label, event.at)]


def with_size(row: WorkspaceRow, event: Workspace.SnapshotTaken) -> list[SnapshotState]:
    return [
        {**s, "status": "ready", "size_bytes": event.size_bytes} if s["id"] == str(event.snapshot_id) else s
        for s in row.snapshots
    ]


TABLE = Table("workspaces", WorkspaceRow, DDL, evolve)


async def list_owned_by(queries: Queries, owner_id: UUID) -> QueryResult[WorkspaceRow]:
    """Newest first."""
    return await queries.select(
        WorkspaceRow,
        "select * from workspaces where owner_id = %s order by created_at desc, id",
        (owner_id,),
    )


async def get(queries: Queries, id: UUID) -> WorkspaceRow | None:
    return (await queries.select(WorkspaceRow, "select * from workspaces where id = %s", (id,))).first


@dataclass(frozen=True)
class ExpectedMachine:
    id: UUID
    status: str
    machine: MachineFacts | None

    @property
    def running(self) -> bool:
        return self.status == Status.RUNNING


async def expected_machines(queries: Queries, region: str, provider: str) -> dict[UUID, ExpectedMachine]:
    """The workspaces with a machine on this engine, as the log has the machine."""
    sql = (
        "select id, status, machine from workspaces "
        "where region = %s and provider = %s and status in ('running', 'stopped')"
    )
    rows = (await queries.select(ExpectedMachine, sql, (region, provider))).rows
    return {row.id: row for row in rows}


async def providers_in(queries: Queries, region: str) -> set[str]:
    """The providers of the workspaces of a region, as far as the log was followed."""
    sql = "select distinct provider from workspaces where region = %s"
    return {row.provider for row in (await queries.select(_Provider, sql, (region,), wait=False)).rows}


@dataclass(frozen=True)
class RunningWorkspace:
    id: UUID
    owner_id: UUID
    region: str


async def list_running(queries: Queries, provider: str) -> list[RunningWorkspace]:
    """The running workspaces, but for those of the local region that another engine runs."""
    sql = "select id, owner_id, region from workspaces where status = 'running' and (region <> %s or provider = %s)"
    return (await queries.select(RunningWorkspace, sql, (LOCAL, provider))).rows


async def list_regions(queries: Queries) -> list[str]:
    """The regions that have workspaces."""
    return [row.region for row in (await queries.select(_Region, "select distinct region from workspaces")).rows]


@dataclass(frozen=True)
class _Region:
    region: str


@dataclass(frozen=True)
class _Provider:
    provider: str
