"""Routes on Tenure's own server that leave out what a bench measures: their cost is the bound."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from psycopg.rows import class_row
from starlette.requests import Request

from interfaces.http.responses import Json
from interfaces.vm_api import views as present
from interfaces.vm_api.deps import vm_api_deps
from interfaces.vm_api.workspaces import CreateWorkspace, CurrentActor, Id
from projections.workspaces import WorkspaceRow

router = APIRouter(prefix="/api/v1/nothing")
ANSWER = {"id": "550e8400-e29b-41d4-a716-446655440000", "name": "bench", "status": "creating"}
LIST = "select * from workspaces where owner_id = %s order by created_at desc, id"
ONE = "select * from workspaces where id = %s"


@router.post("")
async def create_nothing(body: CreateWorkspace) -> Response:
    """Parse the body and answer: what every POST costs before it does anything."""
    return Json(ANSWER)


@router.get("/ruleless")
async def list_without_waiting(request: Request, actor: CurrentActor) -> Response:
    """List workspaces without waiting for the follower."""
    return Json([present.workspace(row, actor.name) for row in await rows(request, LIST, actor.user_id)])


@router.get("/ruleless/{id}")
async def get_without_waiting(request: Request, actor: CurrentActor, id: Id) -> Response:
    """Get a workspace without waiting for the follower."""
    (row,) = await rows(request, ONE, id)
    return Json(present.workspace(row, actor.name))


async def rows(request: Request, sql: str, *args: Any) -> list[WorkspaceRow]:
    """Return the rows as they are, which may be behind the log."""
    pool = vm_api_deps(request).queries.pool
    async with pool.connection() as conn, conn.cursor(row_factory=class_row(WorkspaceRow)) as cur:
        await cur.execute(sql, args)
        workspaces: list[WorkspaceRow] = await cur.fetchall()
        return workspaces
