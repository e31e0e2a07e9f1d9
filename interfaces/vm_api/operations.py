"""/api/v1/operations: operations on workspaces, and how they ended (V42)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from starlette.requests import Request

from application.access import Actor, require
from domain.errors import NotFound
from interfaces.http.errors import errors
from interfaces.http.identity import current_actor
from interfaces.http.responses import Json
from interfaces.vm_api import views
from interfaces.vm_api.deps import vm_api_deps
from interfaces.vm_api.views import OperationOut, OperationStatus, OperationType
from projections import operations

router = APIRouter(prefix="/api/v1/operations", tags=["operations"], responses=errors(400, 401))
CurrentActor = Annotated[Actor, Depends(current_actor)]


@router.get("", response_model=list[OperationOut])
async def list_operations(
    request: Request,
    actor: CurrentActor,
    workspace_id: Annotated[UUID | None, Query(description="of one workspace; none: of all yours")] = None,
    operation_type: Annotated[
        OperationType | None, Query(alias="type", description="of one type; none: of all")
    ] = None,
    status: Annotated[OperationStatus | None, Query(description="in one status; none: in any")] = None,
) -> Response:
    """Newest first; also of workspaces that have ended."""
    require(actor, "workspace.list")
    listing = await operations.list_owned_by(vm_api_deps(request).queries, actor.user_id, workspace_id)
    listed = (views.operation(row) for row in listing.rows)
    return Json(
        [
            operation
            for operation in listed
            if operation_type in (None, operation["operation_type"]) and status in (None, operation["status"])
        ]
    )


@router.get("/{id}", response_model=OperationOut, responses=errors(404))
async def get_operation(request: Request, actor: CurrentActor, id: str) -> Response:
    require(actor, "workspace.list")
    try:
        row = await operations.get(vm_api_deps(request).queries, actor.user_id, UUID(id))
    except ValueError:
        row = None
    if row is None:
        raise NotFound("no such operation")
    return Json(views.operation(row))
