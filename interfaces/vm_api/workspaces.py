"""/api/v1/workspaces."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt, WithJsonSchema
from starlette.requests import Request

from application.access import Actor, require
from domain import name, request_key
from domain.errors import NotFound
from domain.machine import Operation
from interfaces.http.errors import errors
from interfaces.http.identity import current_actor
from interfaces.http.responses import Json
from interfaces.vm_api import views as present
from interfaces.vm_api.deps import vm_api_deps
from interfaces.vm_api.views import DeadlineOut, Deleted, SnapshotOut, WorkspaceOut
from projections import trail, workspaces
from projections.workspaces import WorkspaceRow

router = APIRouter(prefix="/api/v1/workspaces", tags=["workspaces"], responses=errors(400, 401))
OF_ONE, TO_ONE = errors(404), errors(404, 409, 413)
Who = Annotated[Actor, Depends(current_actor)]


# What the domain decides is told here, in the published schema, and not decided twice.
Name = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": name.MAX_NAME_CHARS})]
Label = Annotated[str, WithJsonSchema({"type": "string", "maxLength": name.MAX_NAME_CHARS})]
Seconds = Annotated[StrictInt, WithJsonSchema({"type": "integer", "minimum": 1})]
Key = WithJsonSchema({"type": "string", "minLength": 1, "maxLength": request_key.MAX_KEY_CHARS})


class CreateWorkspace(BaseModel):
    """What a new workspace shall be. Fields that are not named here are ignored."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "my-workspace", "template": "nodejs", "ttl_seconds": 86400}}
    )

    name: Name = Field(description="printable characters; two may have the same")
    template: str | None = Field(None, description="what it is made from; none: the default")
    ttl_seconds: Seconds | None = Field(None, description="seconds until it ends; none: until it is deleted")


class Extend(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"ttl_seconds": 3600}})

    ttl_seconds: Seconds = Field(description="seconds to add to its term")


class TakeSnapshot(BaseModel):
    name: Label = Field("", description="what to call it; none: nothing")


# Not async, they would be called in a thread, which costs more than they do.
async def workspace_id(id: str) -> UUID:
    return uuid(id, "workspace")


async def taken_id(snapshot_id: str) -> UUID:
    return uuid(snapshot_id, "snapshot")


def uuid(id: str, kind: str) -> UUID:
    try:
        return UUID(id)
    except ValueError:
        raise NotFound(f'no {kind} has the id "{id[:50]}"; ids are UUIDs') from None


Id = Annotated[UUID, Depends(workspace_id)]
SnapshotId = Annotated[UUID, Depends(taken_id)]


@router.get("", response_model=list[WorkspaceOut])
async def list_workspaces(request: Request, who: Who) -> Response:
    """All workspaces of the caller, newest first. `X-Tenure-Position` is where a stream goes on from this list."""
    require(who, "workspace.list")
    found = await workspaces.list_owned_by(vm_api_deps(request).queries, who.user_id)
    rows = [present.workspace(row, who.name) for row in found.rows]
    return Json(rows, headers={"x-tenure-position": str(found.position)})


@router.post("", response_model=WorkspaceOut, responses=errors(409, 413))
async def create_workspace(
    request: Request,
    who: Who,
    body: CreateWorkspace,
    idempotency_key: Annotated[str | None, Key, Header(description="the same key again answers the same")] = None,
) -> Response:
    """A new workspace. It is `creating` in the answer, and then `running` or `failed`."""
    made = await vm_api_deps(request).workspaces.request(
        who, name=body.name, template=body.template, ttl_seconds=body.ttl_seconds, key=idempotency_key
    )
    return Json(present.workspace(made, who.name))


@router.get("/{id}", response_model=WorkspaceOut, responses=OF_ONE)
async def get_workspace(request: Request, who: Who, id: Id) -> Response:
    return Json(present.workspace(await own(request, who, id), who.name))


@router.delete("/{id}", response_model=Deleted, responses=OF_ONE)
async def delete_workspace(request: Request, who: Who, id: Id) -> Response:
    """End it, whatever its status. It is gone at once; its machine is destroyed in the background."""
    await vm_api_deps(request).workspaces.delete(who, id)
    return Json({"message": "Workspace deleted"})


@router.post("/{id}/extend", response_model=WorkspaceOut, responses=TO_ONE)
async def extend_workspace(request: Request, who: Who, id: Id, body: Extend) -> Response:
    """Lend it for longer. A warning that was given is given again before the new end."""
    return Json(present.workspace(await vm_api_deps(request).workspaces.extend(who, id, body.ttl_seconds), who.name))


@router.get("/{id}/deadline", response_model=DeadlineOut, responses=OF_ONE)
async def explain_deadline(request: Request, who: Who, id: Id) -> Response:
    """When it ends, and the events that made it so."""
    row = await own(request, who, id)
    told = await trail.page(vm_api_deps(request).queries, trail.Filter(subject=id), 0, 10_000)
    set_by = [entry for entry in told.rows if "expires_at" in entry.facts]
    return Json(present.deadline(row, set_by, vm_api_deps(request).clock()))


@router.get("/{id}/snapshots", response_model=list[SnapshotOut], responses=OF_ONE)
async def list_snapshots(request: Request, who: Who, id: Id) -> Response:
    row = await own(request, who, id)
    return Json([present.snapshot(taken, id) for taken in row.snapshots])


@router.post("/{id}/snapshots", response_model=SnapshotOut, responses=TO_ONE)
async def take_snapshot(request: Request, who: Who, id: Id, body: TakeSnapshot | None = None) -> Response:
    """Keep its files as they are. It is `taking` in the answer, and then `ready` or `failed`."""
    label = body.name if body else ""
    made = await vm_api_deps(request).workspaces.operate(who, id, Operation.SNAPSHOT, label=label)
    return Json(present.snapshot(workspaces.new_snapshot(made.snapshot_id, label, made.updated_at), id))


@router.post("/{id}/snapshots/{snapshot_id}/restore", response_model=WorkspaceOut, responses=TO_ONE)
async def restore_snapshot(request: Request, who: Who, id: Id, snapshot_id: SnapshotId) -> Response:
    """Make its machine anew, with the files of a snapshot."""
    asked = vm_api_deps(request).workspaces.operate(who, id, Operation.RESTORE, snapshot_id=snapshot_id)
    return Json(present.workspace(await asked, who.name))


@router.post("/{id}/start", response_model=WorkspaceOut, responses=TO_ONE)
async def start_workspace(request: Request, who: Who, id: Id) -> Response:
    """Start it. `metadata.operation` says what is under way until it is done."""
    return await operate(request, who, id, Operation.START)


@router.post("/{id}/stop", response_model=WorkspaceOut, responses=TO_ONE)
async def stop_workspace(request: Request, who: Who, id: Id) -> Response:
    """Stop it. Its files stay."""
    return await operate(request, who, id, Operation.STOP)


@router.post("/{id}/restart", response_model=WorkspaceOut, responses=TO_ONE)
async def restart_workspace(request: Request, who: Who, id: Id) -> Response:
    """Stop it and start it again."""
    return await operate(request, who, id, Operation.RESTART)


async def operate(request: Request, who: Actor, id: UUID, operation: Operation) -> Response:
    made = await vm_api_deps(request).workspaces.operate(who, id, operation)
    return Json(present.workspace(made, who.name))


async def own(request: Request, who: Actor, id: UUID) -> WorkspaceRow:
    """The caller's workspace. `NotFound` for what has gone, and for another's."""
    row = await workspaces.get(vm_api_deps(request).queries, id)
    if row is None:
        raise NotFound("no such workspace")
    require(who, "workspace.see", row.owner_id)
    return row
