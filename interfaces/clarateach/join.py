"""/api/join: a seat for everybody who has the code of a workshop."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request

from domain.name import MAX_NAME_CHARS
from domain.unique_name import words_of
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.errors import errors
from interfaces.clarateach.rates import Limited
from interfaces.clarateach.views import JoinedOut
from interfaces.http.identity import client_address, request_id
from interfaces.http.responses import Json


def compact(text: Any) -> Any:
    """A pasted code without what looks like a hyphen or a space."""
    return "".join(words_of(text)) if isinstance(text, str) else text


router = APIRouter(tags=["seats"], route_class=Limited, responses=errors(400))


class JoinRequest(BaseModel):
    """The workshop's code, and the reconnect code of a learner who had a seat before (T20)."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "CLAU-XY9Z", "name": "Lena"}})

    code: Annotated[str, Field(min_length=4, max_length=20)]
    odehash: Annotated[str, BeforeValidator(compact), Field(min_length=5, max_length=5)] | None = Field(
        None, description="the reconnect code from the first join: it opens the same seat from any device"
    )
    name: Annotated[str, Field(max_length=MAX_NAME_CHARS)] | None = Field(None, description="shown to the instructor")


@router.post("/api/join", response_model=JoinedOut, responses=errors(400, 404))
async def join(request: Request, body: JoinRequest) -> Response:
    """A seat of the workshop with this code: the first free one, or the one of the reconnect code."""
    deps = clarateach_deps(request)
    seat = await deps.seats.join(
        code=body.code,
        odehash=body.odehash,
        name=body.name,
        address=client_address(request),
        request_id=request_id(request),
    )
    return Json({"token": seat.token, "endpoint": deps.url, "odehash": seat.odehash, "seat": seat.seat})
