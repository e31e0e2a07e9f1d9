"""/api/v1/regions: where machines run. Everybody may read their names; administrators add and change them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from application.access import Actor, require
from domain.region import EngineAddress, default_publish_address
from interfaces.http.errors import errors
from interfaces.http.identity import current_member
from interfaces.http.responses import Json
from interfaces.native.deps import NativeDeps, native_deps

router = APIRouter(prefix="/api/v1/regions", tags=["regions"], responses=errors(400, 401))
TO_ONE = errors(404, 409, 413)
CurrentMember = Annotated[Actor, Depends(current_member)]
EXAMPLE: dict[str, Any] = {"url": "ssh://tenure@paris.example.org", "host": "paris.example.org"}


class SetRegion(BaseModel):
    """Where a region's Docker engine is. It is on record for good, so it holds no password; files of certificates are
    named in the settings only."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})

    url: str = Field(description="unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST", max_length=300)
    host: str = Field("127.0.0.1", description="what clients reach published ports under")
    publish_on: str | None = Field(None, description="the address of that host; none: all, or loopback for a loopback")


class RegionOut(BaseModel):
    """A region, without where its engine answers."""

    name: str = Field(examples=["local"])
    host: str = Field(description="what published ports are reached under")
    fixed: bool = Field(description="it is what the settings say, and cannot be changed here")


class RegionGone(BaseModel):
    message: str = Field(examples=["Region removed"])


@router.get("", response_model=list[RegionOut])
async def list_regions(request: Request, actor: CurrentMember) -> Response:
    """All that machines can be asked for in, by name."""
    require(actor, "place.see")
    deps = native_deps(request)
    return Json(
        [region_view(deps, name, region.host) for name, region in sorted((await deps.regions.available()).items())]
    )


@router.put("/{name}", response_model=RegionOut, responses=TO_ONE)
async def set_region(request: Request, actor: CurrentMember, name: str, body: SetRegion) -> Response:
    """Add it, or say where its engine is from now on, also for the machines that are there."""
    publish_on = body.publish_on or default_publish_address(body.host)
    engine: EngineAddress = {"url": body.url, "host": body.host, "publish_on": publish_on}
    await native_deps(request).regions.set(actor, name, engine)
    return Json(region_view(native_deps(request), name, body.host))


@router.delete("/{name}", response_model=RegionGone, responses=TO_ONE)
async def remove_region(request: Request, actor: CurrentMember, name: str) -> Response:
    """Nothing new is made there. Machines that are there can be used until their end."""
    await native_deps(request).regions.remove(actor, name)
    return Json({"message": "Region removed"})


def region_view(deps: NativeDeps, name: str, host: str) -> dict[str, object]:
    """A region, without the address of its engine."""
    return {"name": name, "host": host, "fixed": name in deps.regions.fixed}
