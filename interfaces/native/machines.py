"""/api/v1/machines: machine configurations. Everybody may read them; administrators add and change them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt
from starlette.requests import Request

from application.access import Actor, require
from application.ports.machines import Template
from interfaces.http.errors import errors
from interfaces.http.identity import current_member
from interfaces.http.responses import Json
from interfaces.native.deps import native_deps

router = APIRouter(prefix="/api/v1/machines", tags=["machines"], responses=errors(400, 401))
TO_ONE = errors(404, 409, 413)
Who = Annotated[Actor, Depends(current_member)]
EXAMPLE: dict[str, Any] = {"image": "debian:12", "cpus": 0.5, "memory_mb": 512, "user": "tenure", "ports": [22]}


class SetMachine(BaseModel):
    """What machines are made from that are asked for under this name from now on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})

    image: str = Field(min_length=1, max_length=300)
    command: list[str] | None = Field(None, description="none: what the image starts by itself")
    cpus: float = Field(1.0, gt=0, le=1024)
    memory_mb: StrictInt = Field(1024, description="a hard limit; there is no swap")
    disk_mb: StrictInt | None = Field(None, description="where the engine can limit it; else the machine says so")
    pids: StrictInt = Field(512, description="processes and threads")
    ports: list[StrictInt] = Field([], description="TCP ports inside, each published")
    user: str = Field("tenure", description="the account inside that its holder logs in to")

    def template(self, name: str) -> Template:
        command = None if self.command is None else tuple(self.command)
        return Template(name, **self.model_dump() | {"command": command, "ports": tuple(self.ports)})


class MachineOut(BaseModel):
    """A machine configuration, without its command."""

    name: str = Field(examples=["default"])
    image: str
    cpus: float
    memory_mb: int
    disk_mb: int | None
    pids: int
    ports: list[int]
    user: str
    fixed: bool = Field(description="it is what the settings say, and cannot be changed here")


class MachineGone(BaseModel):
    message: str = Field(examples=["Machine configuration removed"])


@router.get("", response_model=list[MachineOut])
async def list_machines(request: Request, who: Who) -> Response:
    """All that machines can be made from, by name."""
    require(who, "place.see")
    configs = native_deps(request).machine_configs
    found = sorted((await configs.available()).items())
    return Json([shown(name, made, configs.is_fixed(name)) for name, made in found])


@router.put("/{name}", response_model=MachineOut, responses=TO_ONE)
async def set_machine(request: Request, who: Who, name: str, body: SetMachine) -> Response:
    """Add it, or change it. Machines that are there already stay as they were made."""
    made = body.template(name)
    await native_deps(request).machine_configs.set(who, name, made)
    return Json(shown(name, made, fixed=False))


@router.delete("/{name}", response_model=MachineGone, responses=TO_ONE)
async def remove_machine(request: Request, who: Who, name: str) -> Response:
    """No new machine is made from it. Those that were stay."""
    await native_deps(request).machine_configs.remove(who, name)
    return Json({"message": "Machine configuration removed"})


def shown(name: str, made: Template, fixed: bool) -> dict[str, object]:
    told = {"image": made.image, "cpus": made.cpus, "memory_mb": made.memory_mb, "disk_mb": made.disk_mb}
    return {"name": name, **told, "pids": made.pids, "ports": made.ports, "user": made.user, "fixed": fixed}
