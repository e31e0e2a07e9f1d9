"""/api/v1/workspaces: requesting, listing, operating and deleting workspaces (V16 to V43)."""

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
from interfaces.vm_api import views
from interfaces.vm_api.deps import vm_api_deps
from interfaces.vm_api.views import DeadlineOut, Deleted, SnapshotOut, WorkspaceOut
from projections import trail, workspaces
from projections.workspaces import WorkspaceRow

router = APIRouter(prefix="/api/v1/workspaces", tags=["workspaces"], responses=errors(400, 401))
OF_ONE, TO_ONE = errors(404), errors(404, 409, 413)
CurrentActor = Annotated[Actor, Depends(current_actor)]


# These say in the published schema what the domain decides; they decide nothing themselves.
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


# Async, although they await nothing: FastAPI calls other functions in a thread, which costs more.
async def parse_workspace_id(id: str) -> UUID:
    """The id in the path. Raises `NotFound` for anything but a UUID."""
    return parse_id(id, "workspace")


async def parse_snapshot_id(snapshot_id: str) -> UUID:
    """The snapshot's id in the path. Raises `NotFound` for anything but a UUID."""
    return parse_id(snapshot_id, "snapshot")


def parse_id(id: str, kind: str) -> UUID:
    """An id of the path. Raises `NotFound` with the kind of thing that was asked for."""
    try:
        return UUID(id)
    except ValueError:
        raise NotFound(f'no {kind} has the id "{id[:50]}"; ids are UUIDs') from None


Id = Annotated[UUID, Depends(parse_workspace_id)]
SnapshotId = Annotated[UUID, Depends(parse_snapshot_id)]


@router.get("", response_model=list[WorkspaceOut])
async def list_workspaces(request: Request, actor: CurrentActor) -> Response:
    """All workspaces of the caller, newest first. `X-Tenure-Position` is where a stream goes on from this list."""
    require(actor, "workspace.list")
    listing = await workspaces.list_owned_by(vm_api_deps(request).queries, actor.user_id)
    rows = [views.workspace(row, actor.name) for row in listing.rows]
    return Json(rows, headers={"x-tenure-position": str(listing.position)})


@router.post("", response_model=WorkspaceOut, responses=errors(409, 413))
async def create_workspace(
    request: Request,
    actor: CurrentActor,
    body: CreateWorkspace,
    idempotency_key: Annotated[str | None, Key, Header(description="the same key again answers the same")] = None,
) -> Response:
    """A new workspace. It is `creating` in the answer, and then `running` or `failed`."""
    workspace = await vm_api_deps(request).workspaces.request(
        actor, name=body.name, template=body.template, ttl_seconds=body.ttl_seconds, key=idempotency_key
    )
    return Json(views.workspace(workspace, actor.name))


@router.get("/{id}", response_model=WorkspaceOut, responses=OF_ONE)
async def get_workspace(request: Request, actor: CurrentActor, id: Id) -> Response:
    return Json(views.workspace(await require_own(request, actor, id), actor.name))


@router.delete("/{id}", response_model=Deleted, responses=OF_ONE)
async def delete_workspace(request: Request, actor: CurrentActor, id: Id) -> Response:
    """End it, whatever its status. It is gone at once; its machine is destroyed in the background."""
    await vm_api_deps(request).workspaces.delete(actor, id)
    return Json({"message": "Workspace deleted"})


@router.post("/{id}/extend", response_model=WorkspaceOut, responses=TO_ONE)
async def extend_workspace(request: Request, actor: CurrentActor, id: Id, body: Extend) -> Response:
    """Lend it for longer. A warning that was given is given again before the new end."""
    return Json(views.workspace(await vm_api_deps(request).workspaces.extend(actor, id, body.ttl_seconds), actor.name))


@router.get("/{id}/deadline", response_model=DeadlineOut, responses=OF_ONE)
async def explain_deadline(request: Request, actor: CurrentActor, id: Id) -> Response:
    """When it ends, and the events that made it so."""
    row = await require_own(request, actor, id)
    entries = await trail.page(vm_api_deps(request).queries, trail.Filter(subject=id), 0, 10_000)
    set_by = [entry for entry in entries.rows if "expires_at" in entry.facts]
    return Json(views.deadline(row, set_by, vm_api_deps(request).clock()))


@router.get("/{id}/snapshots", response_model=list[SnapshotOut], responses=OF_ONE)
async def list_snapshots(request: Request, actor: CurrentActor, id: Id) -> Response:
    row = await require_own(request, actor, id)
    return Json([views.snapshot(snapshot, id) for snapshot in row.snapshots])


@router.post("/{id}/snapshots", response_model=SnapshotOut, responses=TO_ONE)
async def take_snapshot(request: Request, actor: CurrentActor, id: Id, body: TakeSnapshot | None = None) -> Response:
    """Keep its files as they are. It is `taking` in the answer, and then `ready` or `failed`."""
    label = body.name if body else ""
    workspace = await vm_api_deps(request).workspaces.operate(actor, id, Operation.SNAPSHOT, label=label)
    return Json(views.snapshot(workspaces.new_snapshot(workspace.snapshot_id, label, workspace.updated_at), id))


@router.post("/{id}/snapshots/{snapshot_id}/restore", response_model=WorkspaceOut, responses=TO_ONE)
async def restore_snapshot(request: Request, actor: CurrentActor, id: Id, snapshot_id: SnapshotId) -> Response:
    """Make its machine anew, with the files of a snapshot."""
    restore = Operation.RESTORE
    workspace = await vm_api_deps(request).workspaces.operate(actor, id, restore, snapshot_id=snapshot_id)
    return Json(views.workspace(workspace, actor.name))


@router.post("/{id}/start", response_model=WorkspaceOut, responses=TO_ONE)
async def start_workspace(request: Request, actor: CurrentActor, id: Id) -> Response:
    """Start it. `metadata.operation` says what is under way until it is done."""
    return await operate(request, actor, id, Operation.START)


@router.post("/{id}/stop", response_model=WorkspaceOut, responses=TO_ONE)
async def stop_workspace(request: Request, actor: CurrentActor, id: Id) -> Response:
    """Stop it. Its files stay."""
    return await operate(request, actor, id, Operation.STOP)


@router.post("/{id}/restart", response_model=WorkspaceOut, responses=TO_ONE)
async def restart_workspace(request: Request, actor: CurrentActor, id: Id) -> Response:
    """Stop it and start it again."""
    return await operate(request, actor, id, Operation.RESTART)


async def operate(request: Request, actor: Actor, id: UUID, operation: Operation) -> Response:
    """Ask for an operation; the answer shows the workspace with the operation under way."""
    workspace = await vm_api_deps(request).workspaces.operate(actor, id, operation)
    return Json(views.workspace(workspace, actor.name))


async def require_own(request: Request, actor: Actor, id: UUID) -> WorkspaceRow:
    """The actor's workspace. Raises `NotFound` for an ended one, and for somebody else's."""
    row = await workspaces.get(vm_api_deps(request).queries, id)
    if row is None:
        raise NotFound("no such workspace")
    require(actor, "workspace.see", row.owner_id)
    return row
