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
from interfaces.neptuned.credentials import Administrator, admin_router
from interfaces.neptuned.deps import neptuned_deps
from interfaces.neptuned.patching import apply_patch
from projections import vm_configs
from projections.vm_configs import VmConfigRow

router = admin_router("/vms", tags=["virtual machines"])
Id = Annotated[str, Path(description="the id of the machine")]
IfMatch = Annotated[
    str | None, Header(description="the ETag of the configuration that was read; 412 if it has changed since")
]
STALE: dict[int | str, dict[str, Any]] = {
    412: errors(409)[409] | {"description": "the configuration has changed since it was read"}
}
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
    """A configuration (N09), and the state of the machine."""

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
    error: str | None = Field(None, description="why the machine does not run, if nobody has stopped it")


class Patched(BaseModel):
    needs_restart: bool = Field(description="whether some changes take effect only after a restart")


@router.get("/list", response_model=list[ConfigVMEntry])
async def list_vms(request: Request, actor: Administrator) -> Response:
    """All machines, running or not."""
    require(actor, "vm.see")
    listed = await vm_configs.list_all(neptuned_deps(request).queries)
    return Json([config_view(row) for row in listed.rows], headers={"x-tenure-position": str(listed.position)})


@router.post("/create", response_model=ConfigVMEntry, responses=errors(413))
async def create_vm(
    request: Request, actor: Administrator, body: Annotated[dict[str, Any], Body(examples=[EXAMPLE])]
) -> Response:
    """Create a machine. With `autostart` it starts. A `password` is stored as a hash, and never shown."""
    document = dict(body)
    password = document.pop("password", None)
    if "password" in body and not isinstance(password, str):
        raise Invalid(f"password must be text of {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")
    config = await neptuned_deps(request).vm_configs.create(actor, document, password)
    return config_answer(config)


@router.get("/{vm}", response_model=ConfigVMEntry)
async def get_vm(request: Request, actor: Administrator, vm: Id) -> Response:
    require(actor, "vm.see")
    row = await vm_configs.get_by_vm_id(neptuned_deps(request).queries, vm)
    if row is None:
        raise NotFound("no such virtual machine")
    return config_answer(row)


@router.patch("/{vm}", response_model=Patched, responses=errors(413) | STALE)
async def patch_vm(
    request: Request,
    actor: Administrator,
    vm: Id,
    body: Annotated[Any, Body(examples=[PATCH])],
    if_match: IfMatch = None,
) -> Response:
    """Apply a JSON Patch (RFC 6902), as a whole or not at all. What can change while the machine runs, does."""
    with stale_is_412():
        config, needs_restart = await neptuned_deps(request).vm_configs.patch(
            actor, vm, lambda document, state: apply_patch(document, state, body), precondition(if_match)
        )
    return Json({"needs_restart": needs_restart}, headers={"ETag": etag(config)})


@router.delete("/{vm}", response_model=Nothing, responses=STALE)
async def delete_vm(request: Request, actor: Administrator, vm: Id, if_match: IfMatch = None) -> Response:
    """Delete a machine in any state; it is switched off. Its images stay."""
    with stale_is_412():
        await neptuned_deps(request).vm_configs.delete(actor, vm, precondition(if_match))
    return Json({})


@router.post("/{vm}/start", response_model=Nothing)
async def start_vm(request: Request, actor: Administrator, vm: Id) -> Response:
    """Start a machine: it is `starting`, then `running`. 409 if it runs already."""
    await neptuned_deps(request).vm_configs.start(actor, vm)
    return Json({})


@router.post("/{vm}/stop", response_model=Nothing)
async def stop_vm(request: Request, actor: Administrator, vm: Id) -> Response:
    """Stop a machine as its power switch would."""
    await neptuned_deps(request).vm_configs.stop(actor, vm)
    return Json({})


@router.post("/{vm}/restart", response_model=Nothing)
async def restart_vm(request: Request, actor: Administrator, vm: Id) -> Response:
    """Switch a machine off and on again, with its present configuration."""
    await neptuned_deps(request).vm_configs.restart(actor, vm)
    return Json({})


def config_answer(config: VmConfig | VmConfigRow) -> Response:
    return Json(config_view(config), headers={"ETag": etag(config)})


def config_view(config: VmConfig | VmConfigRow) -> dict[str, Any]:
    """A machine as administrators see it."""
    view = config.document | {"state": str(config.state)}
    return view | ({"error": config.error} if config.error else {})


def etag(config: VmConfig | VmConfigRow) -> str:
    """The ETag of the configuration alone. The state is left out, else a start would make a patch stale."""
    return f'"{config.id.hex[:12]}-{config.revision}"'


def precondition(if_match: str | None) -> Callable[[VmConfig], bool]:
    """Whether a configuration is still what the client has read. Without `If-Match` it is."""
    if if_match is None or if_match.strip() == "*":
        return lambda config: True
    tags = re.findall(r'(?:^|,)\s*("[^"]*")', if_match)
    return lambda config: etag(config) in tags


@contextmanager
def stale_is_412() -> Iterator[None]:
    try:
        yield
    except Stale as error:
        raise HTTPException(412, str(error)) from None
