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
CurrentMember = Annotated[Actor, Depends(current_member)]
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
        """The template that these fields describe."""
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
async def list_machines(request: Request, actor: CurrentMember) -> Response:
    """All that machines can be made from, by name."""
    require(actor, "place.see")
    configs = native_deps(request).machine_configs
    configs_by_name = sorted((await configs.available()).items())
    return Json([machine_view(name, template, configs.is_fixed(name)) for name, template in configs_by_name])


@router.put("/{name}", response_model=MachineOut, responses=TO_ONE)
async def set_machine(request: Request, actor: CurrentMember, name: str, body: SetMachine) -> Response:
    """Add it, or change it. Machines that are there already stay as they were made."""
    template = body.template(name)
    await native_deps(request).machine_configs.set(actor, name, template)
    return Json(machine_view(name, template, fixed=False))


@router.delete("/{name}", response_model=MachineGone, responses=TO_ONE)
async def remove_machine(request: Request, actor: CurrentMember, name: str) -> Response:
    """No new machine is made from it. Those that were stay."""
    await native_deps(request).machine_configs.remove(actor, name)
    return Json({"message": "Machine configuration removed"})


def machine_view(name: str, template: Template, fixed: bool) -> dict[str, object]:
    """A machine configuration, without its command."""
    return {
        "name": name,
        "image": template.image,
        "cpus": template.cpus,
        "memory_mb": template.memory_mb,
        "disk_mb": template.disk_mb,
        "pids": template.pids,
        "ports": template.ports,
        "user": template.user,
        "fixed": fixed,
    }
