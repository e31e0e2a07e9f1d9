"""/api/v1/keys: API keys for programs. /.well-known/jwks.json: the public keys that verify their tokens."""

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
CurrentActor = Annotated[Actor, Depends(current_actor)]
Name = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": name.MAX_NAME_CHARS})]
Scopes = Annotated[
    list[str],
    WithJsonSchema({"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(Scope)}}),
]
MAX_LIFETIME_S = int(MAX_LIFETIME.total_seconds())
Seconds = Annotated[StrictInt, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_LIFETIME_S})]


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
async def list_keys(request: Request, actor: CurrentActor) -> Response:
    """The caller's keys, newest first; those that are revoked are gone."""
    require(actor, "key.list")
    deps = native_deps(request)
    rows = (await api_keys.list_owned_by(deps.queries, actor.user_id)).rows
    rows_by_id = await deps.api_key_rows.describe([row.id for row in rows])
    return Json([key_view(row, rows_by_id[row.id]) for row in rows if row.id in rows_by_id])


@router.post("", status_code=201, response_model=NewKeyOut)
async def create_key(request: Request, actor: CurrentActor, body: CreateKey) -> Response:
    """A new key. Its text is in this answer, and in no other."""
    if body.expires_in is not None and not 1 <= body.expires_in <= MAX_LIFETIME_S:  # first: a timedelta would overflow
        raise Invalid(f"expires_in must be from 1 to {MAX_LIFETIME_S} seconds")
    lasts = None if body.expires_in is None else timedelta(seconds=body.expires_in)
    deps = native_deps(request)
    key, text = await deps.api_keys.create(actor, name=body.name, scopes=body.scopes, lasts=lasts)
    row = ApiKeyRow(key.id, key.owner_id, key.created_at, key.expires_at, [*key.scopes])
    rows_by_id = await deps.api_key_rows.describe([key.id])
    return Json(key_view(row, rows_by_id[key.id]) | {"key": text}, 201, {"Cache-Control": "no-store"})


@router.delete("/{id}", response_model=Revoked, responses=errors(404))
async def revoke_key(request: Request, actor: CurrentActor, id: str) -> Response:
    """It opens nothing from now on. Tokens that were made from it end by themselves, within their minutes."""
    try:
        await native_deps(request).api_keys.revoke(actor, UUID(id))
    except ValueError:
        raise NotFound("no such key; ids are UUIDs") from None
    return Json({"message": "Key revoked"})


@well_known.get("/jwks.json", response_model=dict[str, Any])
async def signing_keys(request: Request) -> Response:
    """The public halves of the keys that tokens are signed with, as a JWK set."""
    keys = await native_deps(request).tokens.public_keys()
    return Json({"keys": keys}, headers={"Cache-Control": "public, max-age=60"})


def key_view(row: ApiKeyRow, key_row: KeyRow) -> dict[str, Any]:
    """A key, without its text."""
    return {
        "id": row.id,
        "name": key_row.name,
        "prefix": key_row.prefix,
        "scopes": row.scopes,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": key_row.last_used_at,
    }
