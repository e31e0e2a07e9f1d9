"""/list and /screenshot: the running machines, without a login (N07, N11, N25 to N28)."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from starlette.requests import Request

from domain.errors import NotFound
from domain.vm.devices import Display
from domain.vm_state import State
from interfaces.http.errors import errors
from interfaces.http.responses import Json
from interfaces.neptuned.credentials import BASE
from interfaces.neptuned.deps import NeptunedDeps, neptuned_deps
from projections import vm_configs
from projections.vm_configs import VmConfigRow

router = APIRouter(prefix=BASE, tags=["virtual machines that run"])
BYTES_PER_MB = 1 << 20
NO_STORE = {"Cache-Control": "no-store"}
HOST_GPU_DISPLAY = "mdev"


class Os(BaseModel):
    kind: Literal["windows", "macos", "linux", "other"]
    arch: str


class Disk(BaseModel):
    type: Literal["hdd", "ssd"]
    size: int = Field(description="bytes, as the machine sees them")


class Graphics(BaseModel):
    type: Literal["vga", "burst"]
    vram_size: int | None = Field(None, description="bytes; only of vga")


class Info(BaseModel):
    hypervisor: Literal["qemu"]
    os: Os
    disk: list[Disk]
    graphics: Graphics


class ListVMEntry(BaseModel):
    """A virtual machine that runs."""

    id: str
    name: str
    info: Info


@router.get("/list", response_model=list[ListVMEntry], responses=errors())
async def list_machines(request: Request) -> Response:
    deps = neptuned_deps(request)
    rows = (await vm_configs.list_running(deps.queries)).rows
    return Json(await asyncio.gather(*(machine_view(deps, row) for row in rows)))


@router.get("/list/{vm}", response_model=ListVMEntry, responses=errors(404))
async def machine(request: Request, vm: str) -> Response:
    deps = neptuned_deps(request)
    return Json(await machine_view(deps, await running_machine(deps, vm)))


@router.get(
    "/screenshot/{vm}",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "a PNG, at most 400 pixels wide"}, **errors(404)},
)
async def screenshot(request: Request, vm: str) -> Response:
    """The display as it was at most half a second ago. A private machine's display is replaced by a placeholder."""
    deps = neptuned_deps(request)
    row = await running_machine(deps, vm)
    picture = await (deps.consoles.dummy() if row.private else deps.consoles.preview(row.id))
    return Response(picture, media_type="image/png", headers=NO_STORE)


async def running_machine(deps: NeptunedDeps, vm: str) -> VmConfigRow:
    """A running machine by its VM id. Raises `NotFound`."""
    row = await vm_configs.get_by_vm_id(deps.queries, vm)
    if row is None or row.state != State.RUNNING:
        raise NotFound("no such virtual machine is running")
    return row


async def machine_view(deps: NeptunedDeps, row: VmConfigRow) -> dict[str, Any]:
    """A machine of the list. The configuration does not say which system is installed, so `os.kind` is `other`."""
    devices = row.document["qemu_devices"]
    disks = [device for device in devices if device["type"] == "drive" and device["drive_type"] != "cdrom"]
    display = next((device for device in devices if device["type"] == "display"), None)
    return {
        "id": row.vm,
        "name": row.document["name"],
        "info": {
            "hypervisor": row.document["hypervisor"],
            "os": {"kind": "other", "arch": "x86_64"},
            "disk": [{"type": disk["drive_type"], "size": await deps.images.size(disk)} for disk in disks],
            "graphics": graphics_view(display),
        },
    }


def graphics_view(display: Display | None) -> dict[str, Any]:
    if display and display["display_type"] == HOST_GPU_DISPLAY:
        return {"type": "burst"}
    return {"type": "vga", "vram_size": display["display_vgamem_mb"] * BYTES_PER_MB if display else 0}
