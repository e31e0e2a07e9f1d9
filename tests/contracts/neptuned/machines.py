"""Requests of administrators about virtual machines, over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx

from tests.contracts.neptuned.people import fine
from tests.support.server import Served, eventually
from tests.support.stories.vms import CPU, DISPLAY, DRIVE, NETWORK, NIC, document

VMS = "/api/v0/admin/vms"
SSD = DRIVE | {"drive_type": "ssd", "drive_bps_limit": "15000000 25000000", "drive_iops_limit": "1000 1500"}
LAB = document(CPU, SSD, DISPLAY, NETWORK, NIC)


async def created(client: httpx.AsyncClient, config: dict[str, Any] = LAB, **fields: Any) -> dict[str, Any]:
    vm: dict[str, Any] = fine(await client.post(f"{VMS}/create", json=config | fields))
    return vm


async def get_vm(client: httpx.AsyncClient, vm: str = "lab") -> dict[str, Any]:
    body: dict[str, Any] = fine(await client.get(f"{VMS}/{vm}"))
    return body


async def until_state(client: httpx.AsyncClient, state: str, vm: str = "lab") -> dict[str, Any]:
    async def is_so() -> dict[str, Any] | None:
        body = await get_vm(client, vm)
        return body if body["state"] == state else None

    reached: dict[str, Any] = await eventually(is_so)
    return reached


async def started(client: httpx.AsyncClient, config: dict[str, Any] = LAB, **fields: Any) -> dict[str, Any]:
    """Create a virtual machine, start it, and wait until it runs."""
    vm = await created(client, config, **fields)
    fine(await client.post(f"{VMS}/{vm['id']}/start"))
    return await until_state(client, "running", vm["id"])


async def id_of(tenure: Served, vm: str = "lab") -> UUID:
    return await tenure.tenure.deps.neptuned.vm_configs.id_of(vm)


async def patch(client: httpx.AsyncClient, *operations: Any, vm: str = "lab", **headers: str) -> httpx.Response:
    http_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.patch(f"{VMS}/{vm}", json=list(operations), headers=http_headers)


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


async def happened(tenure: Served, vm: UUID) -> list[str]:
    """The kinds of a machine's events, oldest first."""
    deps = tenure.tenure.deps
    events = [type(event).__name__ for event in deps.http.platform.events.get(vm)]
    return events
