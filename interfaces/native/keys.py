"""/api/v1/keys: API keys, for programs; and the public halves of the keys that their tokens are signed with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt, WithJsonSchema
from starlette.requests import Request

from application.access import Actor, require
from application.ports.api_keys import KeyRow
from domain import name
from domain.api_key import MAX_LIFETIME
from domain.errors import Invalid, NotFound
from domain.scope import Scope
from interfaces.http.errors import errors
from interfaces.http.identity import current_actor
from interfaces.http.responses import Json
from interfaces.native.deps import native_deps
from projections import api_keys
from projections.api_keys import ApiKeyRow

router = APIRouter(prefix="/api/v1/keys", tags=["keys"], responses=errors(400, 401))
well_known = APIRouter(prefix="/.well-known", tags=["keys"])
Who = Annotated[Actor, Depends(current_actor)]
Name = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": name.MAX_NAME_CHARS})]
Scopes = Annotated[
    list[str],
    WithJsonSchema({"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(Scope)}}),
]
MOST = int(MAX_LIFETIME.total_seconds())
Seconds = Annotated[StrictInt, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST})]


class CreateKey(BaseModel):
    """What a new key shall be for."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "ci", "scopes": ["read"], "expires_in": 2592000}})

    name: Name = Field(description="what to call it")
    scopes: Scopes = Field(
        default=[Scope.FULL],
        description="full: all that you may do; read: see it, change nothing; audit: the whole trail, for auditors",
    )
    expires_in: Seconds | None = Field(None, description="seconds until it ends; none: until it is revoked")


class KeyOut(BaseModel):
    """A key, but for its text."""

    id: UUID
    name: str
    prefix: str = Field(description="what its text begins with", examples=["tnr_5f1d2c3b"])
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="to the minute or so; null: not yet")


class NewKeyOut(KeyOut):
    key: str = Field(description="its text, which is not told again")


class Revoked(BaseModel):
    message: str


@router.get("", response_model=list[KeyOut])
async def list_keys(request: Request, who: Who) -> Response:
    """The caller's keys, newest first; those that are revoked are gone."""
    require(who, "key.list")
    deps = native_deps(request)
    rows = (await api_keys.list_owned_by(deps.queries, who.user_id)).rows
    kept = await deps.api_key_rows.describe([row.id for row in rows])
    return Json([shown(row, kept[row.id]) for row in rows if row.id in kept])


@router.post("", status_code=201, response_model=NewKeyOut)
async def create_key(request: Request, who: Who, body: CreateKey) -> Response:
    """A new key. Its text is in this answer, and in no other."""
    if body.expires_in is not None and not 1 <= body.expires_in <= MOST:  # before it is a timedelta, which can overflow
        raise Invalid(f"expires_in must be from 1 to {MOST} seconds")
    lasts = None if body.expires_in is None else timedelta(seconds=body.expires_in)
    deps = native_deps(request)
    made, text = await deps.api_keys.create(who, name=body.name, scopes=body.scopes, lasts=lasts)
    row = ApiKeyRow(made.id, made.owner_id, made.created_at, made.expires_at, [*made.scopes])
    kept = await deps.api_key_rows.describe([made.id])
    return Json(shown(row, kept[made.id]) | {"key": text}, 201, {"Cache-Control": "no-store"})


@router.delete("/{id}", response_model=Revoked, responses=errors(404))
async def revoke_key(request: Request, who: Who, id: str) -> Response:
    """It opens nothing from now on. Tokens that were made from it end by themselves, within their minutes."""
    try:
        await native_deps(request).api_keys.revoke(who, UUID(id))
    except ValueError:
        raise NotFound("no such key; ids are UUIDs") from None
    return Json({"message": "Key revoked"})


@well_known.get("/jwks.json", response_model=dict[str, Any])
async def signing_keys(request: Request) -> Response:
    """The public halves of the keys that tokens are signed with, as a JWK set."""
    keys = await native_deps(request).tokens.public_keys()
    return Json({"keys": keys}, headers={"Cache-Control": "public, max-age=60"})


def shown(row: ApiKeyRow, kept: KeyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": kept.name,
        "prefix": kept.prefix,
        "scopes": row.scopes,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": kept.last_used_at,
    }
