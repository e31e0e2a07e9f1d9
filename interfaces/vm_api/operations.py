"""/api/v1/operations: what is done to workspaces, and how it went (V42)."""

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
from interfaces.vm_api import views as present
from interfaces.vm_api.deps import vm_api_deps
from interfaces.vm_api.views import OperationOut
from projections import operations

router = APIRouter(prefix="/api/v1/operations", tags=["operations"], responses=errors(400, 401))
Who = Annotated[Actor, Depends(current_actor)]


@router.get("", response_model=list[OperationOut])
async def list_operations(
    request: Request,
    who: Who,
    workspace_id: Annotated[UUID | None, Query(description="of one workspace; none: of all yours")] = None,
) -> Response:
    """Oldest first; also of workspaces that have ended."""
    require(who, "workspace.list")
    found = await operations.list_owned_by(vm_api_deps(request).queries, who.user_id, workspace_id)
    return Json([present.operation(row) for row in found.rows])


@router.get("/{id}", response_model=OperationOut, responses=errors(404))
async def get_operation(request: Request, who: Who, id: str) -> Response:
    require(who, "workspace.list")
    try:
        row = await operations.get(vm_api_deps(request).queries, who.user_id, UUID(id))
    except ValueError:
        row = None
    if row is None:
        raise NotFound("no such operation")
    return Json(present.operation(row))
