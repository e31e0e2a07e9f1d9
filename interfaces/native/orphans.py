"""/api/v1/orphans: machines on the engines that the log does not know. Administrators adopt or destroy them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from application.access import Actor, require
from interfaces.http.errors import errors
from interfaces.http.identity import current_member
from interfaces.http.responses import Json
from interfaces.native.deps import native_deps
from projections import orphans
from projections.orphans import OrphanRow

router = APIRouter(prefix="/api/v1/orphans", tags=["orphans"], responses=errors(400, 401))
TO_ONE = errors(404, 409)
CurrentMember = Annotated[Actor, Depends(current_member)]


class OrphanOut(BaseModel):
    """Something on an engine that bears this installation's label, and that the log does not know."""

    id: UUID
    kind: str = Field(description="machine, network or vm", examples=["machine"])
    provider: str = Field(examples=["docker"])
    name: str = Field(description="what its engine calls it")
    region: str = Field(examples=["local"])
    found_at: datetime
    destroy_at: datetime | None = Field(description="when it is destroyed by itself; null: never")
    destroying: bool = Field(description="an administrator has had it destroyed, and its engine has not done so yet")


class Adopt(BaseModel):
    """How an orphan is kept."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "lab"}})

    name: str = Field(description="of the workspace that it becomes")


class Adopted(BaseModel):
    """The workspace that an orphan has become. The person who adopted it holds it, without a term."""

    workspace_id: UUID
    name: str = Field(examples=["lab"])


class OrphanGone(BaseModel):
    message: str = Field(examples=["Orphan is being destroyed"])


@router.get("", response_model=list[OrphanOut])
async def list_orphans(request: Request, actor: CurrentMember) -> Response:
    """Everything that was found on the engines of this installation, and that the log does not know, oldest first."""
    require(actor, "orphan.see")
    return Json([orphan_view(row) for row in await orphans.list_all(native_deps(request).queries)])


@router.post("/{id}/adopt", response_model=Adopted, responses=TO_ONE | errors(413))
async def adopt_orphan(request: Request, actor: CurrentMember, id: UUID, body: Adopt) -> Response:
    """Take a machine into the log: it becomes a workspace of yours, as it is."""
    workspace = await native_deps(request).orphans.adopt(actor, id, body.name)
    return Json({"workspace_id": workspace.id, "name": workspace.name})


@router.delete("/{id}", response_model=OrphanGone, responses=TO_ONE)
async def destroy_orphan(request: Request, actor: CurrentMember, id: UUID) -> Response:
    """Have it destroyed, whatever its grace. It is listed until its engine has done so."""
    await native_deps(request).orphans.request_destruction(actor, id)
    return Json({"message": "Orphan is being destroyed"})


def orphan_view(row: OrphanRow) -> dict[str, object]:
    return {
        "id": row.id,
        "kind": row.kind,
        "provider": row.provider,
        "name": row.provider_id,
        "region": row.region,
        "found_at": row.found_at,
        "destroy_at": row.destroy_at,
        "destroying": row.destroying,
    }
