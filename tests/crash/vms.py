"""Virtual machines in a world that lies: what is done with them, and whether all agree on them afterwards."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from application.access import Actor
from application.vm_configs import Change, VmConfigs
from domain.errors import Conflict, NotFound
from domain.vm.document import Document
from domain.vm.vm_config import VmConfig
from domain.vm_state import State
from tests.support.fake_hypervisor import FakeHypervisor
from tests.support.server import eventually
from tests.support.stories.vms import CPU, DRIVE, document

FORGOTTEN = "select vm_id from vm_passwords join trail on subject = vm_id and kind = 'vm_config.deleted'"


def config(name: str, autostart: bool) -> Document:
    limited = DRIVE | {"drive_iops_limit": "1000 1000"}
    machine: Document = document(CPU, limited, id=name, name=name, autostart=autostart)
    return machine


async def do_with_machine(actor: Actor, vms: VmConfigs, hypervisor: FakeHypervisor, act: str, name: str) -> None:
    """What was done before, and not acknowledged, is not done again."""
    match act:
        case "vm create" | "vm create with autostart":
            with suppress(Conflict):
                await vms.create(actor, config(name, act.endswith("autostart")), "open sesame")
        case "vm patch":
            await vms.patch(actor, name, tuned, lambda _vm: True)
        case "vm is killed":
            await killed(vms, hypervisor, await vms.id_of(name))
        case "vm delete":
            with suppress(NotFound):
                await vms.delete(actor, name, lambda _vm: True)
        case _:
            do = {"vm start": vms.start, "vm stop": vms.stop, "vm restart": vms.restart}[act]
            await do(actor, name)


async def killed(vms: VmConfigs, hypervisor: FakeHypervisor, id: UUID) -> None:
    """Once, and it is noticed, in this life or in the next one."""

    async def noticed() -> bool:
        return any(isinstance(event, VmConfig.Died) for event in vms.platform.events.get(id))

    if not await noticed():
        hypervisor.crash(id)
        await eventually(noticed)


def tuned(document: Document, state: State) -> Change:
    """Another limit, which a machine is told while it runs."""
    cpu, drive = document["qemu_devices"]
    return Change(document | {"qemu_devices": [cpu, drive | {"drive_iops_limit": "2000 2000"}]})


async def machines_apart(conn: AsyncConnection[Any], hypervisor: FakeHypervisor) -> list[str]:
    """Where the list says one thing, and what runs, or is kept, another."""
    async with conn.cursor(row_factory=dict_row) as cur:
        rows = {row["id"]: row for row in await (await cur.execute("select * from vm_configs")).fetchall()}
        forgotten = await (await cur.execute(FORGOTTEN)).fetchall()
    wrong = [f"{id} runs, and is not there" for id in hypervisor.on.keys() - rows.keys()]
    wrong += [f"{id} is known to the hypervisor, and is not there" for id in hypervisor.defined - rows.keys()]
    wrong += [f"{row['vm_id']} has a password, and was deleted" for row in forgotten]
    for id, row in rows.items():
        if (row["state"], id in hypervisor.on) not in (("running", True), ("stopped", False)):
            wrong.append(f"{id} is {row['state']}, and {'runs' if id in hypervisor.on else 'does not run'}")
        elif row["state"] == "running" and hypervisor.on[id] != row["document"]:
            wrong.append(f"{id} runs on another configuration than it has")
    return wrong
