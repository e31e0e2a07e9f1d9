"""Virtual machines over HTTP, as their administrators ask for them."""

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
    made: dict[str, Any] = fine(await client.post(f"{VMS}/create", json=config | fields))
    return made


async def shown(client: httpx.AsyncClient, vm: str = "lab") -> dict[str, Any]:
    found: dict[str, Any] = fine(await client.get(f"{VMS}/{vm}"))
    return found


async def until_state(client: httpx.AsyncClient, state: str, vm: str = "lab") -> dict[str, Any]:
    async def is_so() -> dict[str, Any] | None:
        seen = await shown(client, vm)
        return seen if seen["state"] == state else None

    reached: dict[str, Any] = await eventually(is_so)
    return reached


async def started(client: httpx.AsyncClient, config: dict[str, Any] = LAB, **fields: Any) -> dict[str, Any]:
    """One that is created and runs."""
    made = await created(client, config, **fields)
    fine(await client.post(f"{VMS}/{made['id']}/start"))
    return await until_state(client, "running", made["id"])


async def id_of(tenure: Served, vm: str = "lab") -> UUID:
    return await tenure.tenure.deps.neptuned.vm_configs.id_of(vm)


async def patch(client: httpx.AsyncClient, *operations: Any, vm: str = "lab", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.patch(f"{VMS}/{vm}", json=list(operations), headers=named)


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


async def happened(tenure: Served, vm: UUID) -> list[str]:
    """What the log says of a machine."""
    deps = tenure.tenure.deps
    events = [type(it).__name__ for it in deps.http.platform.events.get(vm)]
    return events
