"""Workspaces, operations and snapshots in the shapes of vm-api (V16 to V29, V42, V43)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from domain.machine import MachineFacts
from domain.workspace import Workspace
from projections.operations import ListedOperation
from projections.trail import Entry
from projections.workspaces import SnapshotState, WorkspaceRow

ID = "550e8400-e29b-41d4-a716-446655440000"
EXAMPLE: dict[str, Any] = {
    "id": ID,
    "name": "my-workspace",
    "owner": "alice",
    "template": "nodejs",
    "provider": "docker",
    "status": "running",
    "created_at": "2030-01-16T10:30:00Z",
    "updated_at": "2030-01-16T10:31:00Z",
    "ttl_seconds": 86400,
    "expires_at": "2030-01-17T10:30:00Z",
    "provider_id": f"tenure-{ID}",
    "connection_info": {
        "container_id": "4c01db0b339c",
        "ssh_command": "vm ssh my-workspace",
        "host": "127.0.0.1",
        "ports": {"22": 49153},
    },
    "error_message": None,
    "metadata": None,
}


class WorkspaceOut(BaseModel):
    """A workspace."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: UUID
    name: str
    owner: str
    template: str | None
    provider: str
    status: str
    created_at: datetime
    updated_at: datetime
    ttl_seconds: int | None
    expires_at: datetime | None
    provider_id: str | None
    connection_info: dict[str, Any] | None
    error_message: str | None
    metadata: dict[str, Any] | None


def workspace(source: Workspace | WorkspaceRow, owner: str) -> dict[str, Any]:
    """A workspace: from its aggregate after a command, from its row after a query. Both give the same."""
    machine = source.machine
    under_way = {"waiting": source.waiting, "operation": source.operation}
    return {
        "id": source.id,
        "name": source.name,
        "owner": owner,
        "template": source.template,
        "provider": source.provider,
        "status": str(source.status),
        "created_at": source.created_at,
        "updated_at": source.updated_at,
        "ttl_seconds": source.ttl_seconds,
        "expires_at": source.expires_at,
        "provider_id": machine and machine["provider_id"],
        "connection_info": machine and connection_info(machine, source.name),
        "error_message": source.error,
        "metadata": {k: v for k, v in under_way.items() if v} or None,
    }


def connection_info(machine: MachineFacts, name: str) -> dict[str, Any]:
    """The fields of the contract, and beside them how to connect without its client."""
    return {"container_id": machine["engine_id"], "ssh_command": f"vm ssh {name}", **machine["connection"]}


KINDS = {
    "create": "Create",
    "delete": "Delete",
    "start": "Start",
    "stop": "Stop",
    "restart": "Restart",
    "snapshot": "Snapshot",
    "restore": "SnapshotRestore",
}
OperationType = Literal["Create", "Delete", "Start", "Stop", "Restart", "Rebuild", "Snapshot", "SnapshotRestore"]
OperationStatus = Literal["Pending", "Running", "Success", "Failed"]
OUTCOMES = {"done": "Success", "failed": "Failed"}


class OperationOut(BaseModel):
    """Something that is done, or was done, to a workspace."""

    id: UUID
    workspace_id: UUID
    operation_type: str
    status: str
    started_at: datetime
    completed_at: datetime | None
    error: str | None


def operation(row: ListedOperation) -> dict[str, Any]:
    """An operation on a workspace."""
    return {
        "id": row.id,
        "workspace_id": row.workspace_id,
        "operation_type": KINDS[row.kind],
        "status": OUTCOMES.get(row.outcome or "", "Running" if row.under_way else "Pending"),
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        "error": row.error,
    }


class SnapshotOut(BaseModel):
    """The files of a workspace, as they were at a time."""

    id: UUID
    workspace_id: UUID
    name: str
    status: str  # taking, ready, failed
    created_at: datetime
    size_bytes: int  # 0: not known, since it is being taken or has failed


def snapshot(row: SnapshotState, workspace_id: UUID) -> dict[str, Any]:
    return {
        "id": row["id"],
        "workspace_id": workspace_id,
        "name": row["label"],
        "status": row["status"],
        "created_at": datetime.fromisoformat(row["created_at"]),
        "size_bytes": row["size_bytes"] or 0,
    }


class Deleted(BaseModel):
    message: str = Field(examples=["Workspace deleted"])


class TermSet(BaseModel):
    """An event that set the end of a term, or announced it."""

    position: int
    kind: str = Field(examples=["workspace.extended"])
    at: datetime
    by: UUID | None = Field(description="the user who asked; null: Tenure itself")
    request_id: str
    ttl_seconds: int | None
    expires_at: datetime | None


class DeadlineOut(BaseModel):
    """When a workspace ends, and why then."""

    workspace_id: UUID
    expires_at: datetime | None
    remaining_seconds: int | None
    warned: bool = Field(description="its holder has been told that it ends, and it was not extended since")
    events: list[TermSet] = Field(description="in their order")


def deadline(row: WorkspaceRow, set_by: list[Entry], now: datetime) -> dict[str, Any]:
    """When a workspace ends. `remaining_seconds` is null without a term, and never negative."""
    left = (row.expires_at - now).total_seconds() if row.expires_at else None
    return {
        "workspace_id": row.id,
        "expires_at": row.expires_at,
        "remaining_seconds": None if left is None else max(0, round(left)),
        "warned": bool(set_by) and set_by[-1].kind == "workspace.expiry_warned",
        "events": [
            {
                "position": entry.position,
                "kind": entry.kind,
                "at": entry.at,
                "by": entry.by,
                "request_id": entry.request_id,
                "ttl_seconds": entry.facts.get("ttl_seconds"),
                "expires_at": entry.facts["expires_at"],
            }
            for entry in set_by
        ],
    }
