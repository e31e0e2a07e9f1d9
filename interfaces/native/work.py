"""/api/v1/work: work that failed too often. Administrators have it tried again, or drop it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from starlette.requests import Request

from application.access import Actor, require
from domain.errors import NotFound
from interfaces.http.errors import errors
from interfaces.http.identity import current_member
from interfaces.http.responses import Json
from interfaces.native.deps import native_deps
from projections import work
from projections.work import ParkedRow

router = APIRouter(prefix="/api/v1/work", tags=["work"], responses=errors(400, 401))
TO_ONE = errors(404, 409)
CurrentMember = Annotated[Actor, Depends(current_member)]


class ParkedOut(BaseModel):
    """Work that failed too often."""

    id: UUID
    command: str = Field(examples=["workspace.provision"])
    subject: UUID = Field(description="what it is about, such as a workspace")
    lane: str = Field(examples=["engine"])
    due_at: datetime
    parked_at: datetime
    attempts: int
    error: str = Field(description="the kind of the last error; its text is in the log of the process that works")


class Decided(BaseModel):
    message: str = Field(examples=["workspace.provision is tried again"])


@router.get("", response_model=list[ParkedOut])
async def list_parked_work(request: Request, actor: CurrentMember) -> Response:
    """All work that failed too often, the oldest first."""
    require(actor, "work.list")
    return Json([parked_view(row) for row in await work.list_parked(native_deps(request).queries)])


@router.post("/{work_id}/retry", response_model=Decided, responses=TO_ONE)
async def retry_work(request: Request, actor: CurrentMember, work_id: str) -> Response:
    """Try it again now, as if it were new."""
    retried = await native_deps(request).parked_work.retry(actor, id_of(work_id))
    return Json({"message": f"{retried.command} is tried again"})


@router.delete("/{work_id}", response_model=Decided, responses=TO_ONE)
async def drop_work(request: Request, actor: CurrentMember, work_id: str) -> Response:
    """Never try it again. What it should have brought about does not happen."""
    dropped = await native_deps(request).parked_work.drop(actor, id_of(work_id))
    return Json({"message": f"{dropped.command} is dropped"})


def id_of(text: str) -> UUID:
    """The id in an address. Raises `NotFound` for a text that is none, as for an id that nothing has."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("no such parked work; see `tenure work list`") from None


def parked_view(row: ParkedRow) -> dict[str, object]:
    return {"id": row.id, **vars(row)}
