"""/user/api_keys: API keys, known by small numbers (W36)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from application.access import require
from domain.errors import NotFound
from interfaces.http.responses import Json
from interfaces.warpdrive.credentials import KeyHolder
from interfaces.warpdrive.deps import warpdrive_deps
from interfaces.warpdrive.errors import errors
from projections import api_keys

router = APIRouter(prefix="/user/api_keys", tags=["keys"], responses=errors())
Number = Annotated[int, Path(ge=1, lt=2**63)]


class CreateApiKey(BaseModel):
    """What to call it. Nothing needs to be said."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "laptop"}})

    name: str = "API key"


class ApiKeyOut(BaseModel):
    api_key: str


@router.get("", response_model=list[dict[str, Any]])
async def list_api_keys(request: Request, actor: KeyHolder) -> Response:
    """The caller's keys, newest first."""
    require(actor, "key.list")
    deps = warpdrive_deps(request)
    rows = (await api_keys.list_owned_by(deps.queries, actor.user_id)).rows
    rows_by_id = await deps.api_key_rows.describe([row.id for row in rows])
    return Json(
        [
            {
                "id": (key := rows_by_id[row.id]).number,
                "name": key.name,
                "prefix": key.prefix,
                "created_at": row.created_at,
                "expires_at": row.expires_at,
                "last_used_at": key.last_used_at,
            }
            for row in rows
            if row.id in rows_by_id
        ]
    )


@router.post("", status_code=201, response_model=ApiKeyOut)
async def create_api_key(request: Request, actor: KeyHolder, body: CreateApiKey | None = None) -> Response:
    """A new key for everything that the caller may do. Its text is in this answer, and in no other."""
    fields = body or CreateApiKey()
    _, text = await warpdrive_deps(request).api_keys.create(actor, name=fields.name)
    return Json({"api_key": text}, 201, {"Cache-Control": "no-store"})


@router.delete("/{id}", response_model=dict[str, Any], responses=errors(404))
async def revoke_api_key(request: Request, actor: KeyHolder, id: Number) -> Response:
    """It opens nothing from now on."""
    deps = warpdrive_deps(request)
    key_id = await deps.api_key_rows.find_by_number(actor.user_id, id)
    if key_id is None:
        raise NotFound("no such key")
    await deps.api_keys.revoke(actor, key_id)
    return Json({})
