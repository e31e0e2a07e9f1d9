"""/admin/vms: virtual machines and their configurations (N54 to N60)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Body, Header, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request

from application.access import require
from application.vm_configs import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, Stale
from domain.errors import Invalid, NotFound
from domain.vm.vm_config import VmConfig
from domain.vm_state import State
from interfaces.http.errors import errors
from interfaces.http.responses import Json
from interfaces.neptuned.accounts import Nothing
from interfaces.neptuned.credentials import Administrator, administering
from interfaces.neptuned.deps import neptuned_deps
from interfaces.neptuned.patching import patched
from projections import vm_configs
from projections.vm_configs import VmConfigRow

router = administering("/vms", tags=["virtual machines"])
Id = Annotated[str, Path(description="what the machine goes by")]
IfMatch = Annotated[str | None, Header(description="the ETag that it had when it was looked at; else 412")]
STALE: dict[int | str, dict[str, Any]] = {412: errors(409)[409] | {"description": "it was changed meanwhile"}}
EXAMPLE: dict[str, Any] = {
    "id": "lab",
    "name": "Lab",
    "hypervisor": "qemu",
    "autostart": False,
    "private": False,
    "qemu_use_uefi": False,
    "qemu_enable_agent": False,
    "qemu_uuid": "6b8f4f4e-5d4f-4c36-9b5e-3f3f5f0c8a01",
    "qemu_machine_type": "q35",
    "qemu_machine_version": "",
    "qemu_devices": [{"id": "cpu", "type": "cpu", "cpu_model": "max", "cpu_features": [], "cpu_cores": 2}],
}
PATCH = [{"op": "replace", "path": "/qemu_devices/0/cpu_cores", "value": 4}]


class ConfigVMEntry(BaseModel):
    """A configuration (N09); and how the machine is."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": EXAMPLE | {"state": "stopped"}})

    id: str
    name: str
    hypervisor: str
    autostart: bool
    private: bool
    qemu_use_uefi: bool
    qemu_enable_agent: bool
    qemu_uuid: str
    qemu_machine_type: str
    qemu_machine_version: str
    qemu_devices: list[dict[str, Any]]
    state: State
    error: str | None = Field(None, description="why it does not run, where nobody has stopped it")


class Patched(BaseModel):
    needs_restart: bool = Field(description="whether it takes a restart until the machine runs on all of it")


@router.get("/list", response_model=list[ConfigVMEntry])
async def list_vms(request: Request, who: Administrator) -> Response:
    """All of them, whether they run or not."""
    require(who, "vm.see")
    found = await vm_configs.list_all(neptuned_deps(request).queries)
    return Json([entry(row) for row in found.rows], headers={"x-tenure-position": str(found.position)})


@router.post("/create", response_model=ConfigVMEntry, responses=errors(413))
async def create_vm(
    request: Request, who: Administrator, body: Annotated[dict[str, Any], Body(examples=[EXAMPLE])]
) -> Response:
    """A new one. With `autostart` it starts. A `password` is kept as a hash, and never shown."""
    document = dict(body)
    password = document.pop("password", None)
    if "password" in body and not isinstance(password, str):
        raise Invalid(f"password must be text of {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")
    made = await neptuned_deps(request).vm_configs.create(who, document, password)
    return answer(made)


@router.get("/{vm}", response_model=ConfigVMEntry)
async def get_vm(request: Request, who: Administrator, vm: Id) -> Response:
    require(who, "vm.see")
    row = await vm_configs.get_by_vm_id(neptuned_deps(request).queries, vm)
    if row is None:
        raise NotFound("no such virtual machine")
    return answer(row)


@router.patch("/{vm}", response_model=Patched, responses=errors(413) | STALE)
async def patch_vm(
    request: Request,
    who: Administrator,
    vm: Id,
    body: Annotated[Any, Body(examples=[PATCH])],
    if_match: IfMatch = None,
) -> Response:
    """Change it by a JSON Patch (RFC 6902): all of it, or nothing. What can be changed while it runs, is."""
    with stale_is_412():
        it, needs_restart = await neptuned_deps(request).vm_configs.patch(
            who, vm, lambda document, state: patched(document, state, body), seen(if_match)
        )
    return Json({"needs_restart": needs_restart}, headers={"ETag": tag(it)})


@router.delete("/{vm}", response_model=Nothing, responses=STALE)
async def delete_vm(request: Request, who: Administrator, vm: Id, if_match: IfMatch = None) -> Response:
    """Also one that runs: it is switched off then. Its images stay."""
    with stale_is_412():
        await neptuned_deps(request).vm_configs.delete(who, vm, seen(if_match))
    return Json({})


@router.post("/{vm}/start", response_model=Nothing)
async def start_vm(request: Request, who: Administrator, vm: Id) -> Response:
    """It is `starting`, and `running` when it does. 409 where it is already."""
    await neptuned_deps(request).vm_configs.start(who, vm)
    return Json({})


@router.post("/{vm}/stop", response_model=Nothing)
async def stop_vm(request: Request, who: Administrator, vm: Id) -> Response:
    """As by its power switch."""
    await neptuned_deps(request).vm_configs.stop(who, vm)
    return Json({})


@router.post("/{vm}/restart", response_model=Nothing)
async def restart_vm(request: Request, who: Administrator, vm: Id) -> Response:
    """Off, and on again, on its configuration as it is now."""
    await neptuned_deps(request).vm_configs.restart(who, vm)
    return Json({})


def answer(it: VmConfig | VmConfigRow) -> Response:
    return Json(entry(it), headers={"ETag": tag(it)})


def entry(it: VmConfig | VmConfigRow) -> dict[str, Any]:
    """It as administrators see it."""
    told = it.document | {"state": str(it.state)}
    return told | ({"error": it.error} if it.error else {})


def tag(it: VmConfig | VmConfigRow) -> str:
    """Of its configuration alone: whoever patches that need not have seen it start."""
    return f'"{it.id.hex[:12]}-{it.revision}"'


def seen(if_match: str | None) -> Callable[[VmConfig], bool]:
    """Whether it is as it was when somebody looked; they need not say."""
    if if_match is None or if_match.strip() == "*":
        return lambda it: True
    tags = re.findall(r'(?:^|,)\s*("[^"]*")', if_match)
    return lambda it: tag(it) in tags


@contextmanager
def stale_is_412() -> Iterator[None]:
    try:
        yield
    except Stale as stale:
        raise HTTPException(412, str(stale)) from None
