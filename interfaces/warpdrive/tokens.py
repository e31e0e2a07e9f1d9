"""/token: a short-lived token in exchange for an API key (W05, W06)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from starlette.requests import Request

from application.ports.api_keys import Grant
from interfaces.http.identity import grant_of_api_key
from interfaces.http.responses import Json
from interfaces.warpdrive.deps import warpdrive_deps
from interfaces.warpdrive.errors import errors

router = APIRouter(tags=["tokens"], responses=errors())


class TokenOut(BaseModel):
    token: str = Field(description="for Authorization: Bearer")
    expires_in: int = Field(description="seconds until it ends", le=3600)


@router.post("/token", response_model=TokenOut)
async def exchange(request: Request, grant: Annotated[Grant, Depends(grant_of_api_key)]) -> Response:
    """A token for the key in X-API-Key. A token alone makes no other."""
    token, seconds = await warpdrive_deps(request).tokens.issue(grant)
    return Json({"token": token, "expires_in": seconds}, headers={"Cache-Control": "no-store"})
