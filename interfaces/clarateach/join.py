"""/api/join: a seat for whoever has the code."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from domain.name import MAX_NAME_CHARS
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.errors import errors
from interfaces.clarateach.rates import Limited
from interfaces.clarateach.views import JoinedOut
from interfaces.http.identity import client_address, request_id
from interfaces.http.responses import Json

router = APIRouter(tags=["seats"], route_class=Limited, responses=errors(400))


class JoinRequest(BaseModel):
    """With which code, and, for who was there before, as whom (T20)."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "CLAU-XY9Z", "name": "Lena"}})

    code: Annotated[str, Field(min_length=4, max_length=20)]
    odehash: Annotated[str, Field(min_length=5, max_length=5)] | None = Field(
        None, description="what the first join answered: the same seat, from wherever you are"
    )
    name: Annotated[str, Field(max_length=MAX_NAME_CHARS)] | None = Field(None, description="for the instructor")


@router.post("/api/join", response_model=JoinedOut, responses=errors(400, 404))
async def join(request: Request, body: JoinRequest) -> Response:
    """A seat of the workshop with this code: the first one that is free, or the one that you had."""
    deps = clarateach_deps(request)
    taken = await deps.seats.join(
        code=body.code,
        odehash=body.odehash,
        name=body.name,
        guesser=f"join {client_address(request)}",
        request_id=request_id(request),
    )
    told = {"token": taken.token, "endpoint": deps.url, "odehash": taken.odehash, "seat": taken.seat}
    return Json(told)
