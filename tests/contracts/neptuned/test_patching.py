"""Configurations are changed by JSON Patch: all operations or none, and with what effect on a running machine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.contracts.neptuned.machines import (
    LAB,
    VMS,
    created,
    get_vm,
    happened,
    id_of,
    patch,
    replace,
    started,
    until_state,
)
from tests.contracts.neptuned.people import fine, refused
from tests.support.server import Served, eventually, served
from tests.support.stories.vms import AUDIO

CORES, LIMIT = "/qemu_devices/0/cpu_cores", "/qemu_devices/1/drive_iops_limit"
AWAY = {"op": "remove", "path": "/qemu_devices/9"}


def with_cores(cores: int) -> list[dict[str, Any]]:
    return [device | ({"cpu_cores": cores} if device["type"] == "cpu" else {}) for device in LAB["qemu_devices"]]


@pytest.mark.line("N57")
async def test_every_operation_of_a_patch(ada: httpx.AsyncClient) -> None:
    await created(ada)
    body = fine(
        await patch(
            ada,
            {"op": "test", "path": "/name", "value": "Lab"},
            {"op": "test", "path": "/state", "value": "stopped"},
            replace("/name", "Laboratory"),
            {"op": "add", "path": "/qemu_devices/-", "value": AUDIO},
            {"op": "copy", "from": "/qemu_devices/5", "path": "/qemu_devices/-"},
            replace("/qemu_devices/6/id", "more"),
            {"op": "move", "from": "/qemu_devices/6", "path": "/qemu_devices/0"},
            {"op": "remove", "path": "/qemu_devices/6"},
        )
    )
    assert body == {"needs_restart": False}
    devices = [AUDIO | {"id": "more"}, *LAB["qemu_devices"]]
    assert await get_vm(ada) == LAB | {"name": "Laboratory", "qemu_devices": devices, "state": "stopped"}
    whole = LAB | {"name": "As before"}
    fine(await patch(ada, replace("", whole)))
    assert await get_vm(ada) == whole | {"state": "stopped"}


@pytest.mark.line("N57", "N58")
async def test_a_patch_that_fails_says_which_operation_and_changes_nothing(
    tenure: Served, ada: httpx.AsyncClient
) -> None:
    await created(ada)
    good = replace("/name", "Other")
    wrong: list[tuple[Any, str]] = [
        (AWAY, "operation 1 (remove /qemu_devices/9): there is nothing at that path"),
        ({"op": "test", "path": "/name", "value": "x"}, "operation 1 (test /name): the value there is another one"),
        (replace("/nothing", 1), "operation 1 (replace /nothing): there is nothing at that path"),
        ({"op": "move", "path": "/a", "from": "/nothing"}, "operation 1 (move /a): there is nothing"),
        ({"op": "copy", "path": "/a", "from": "/qemu_devices/x"}, "operation 1 (copy /a): there is nothing"),
        ({"op": "add", "path": "/qemu_devices/99", "value": {}}, "operation 1 (add /qemu_devices/99)"),
        ({"op": "add", "path": "name", "value": "x"}, "operation 1 (add name): path must be a JSON Pointer"),
        ({"op": "swap", "path": "/name"}, "operation 1 (swap /name): op must be one of add, remove"),
        ({"op": "replace", "path": "/name"}, "operation 1 (replace /name): it has no value"),
        ("replace", "operation 1 (no operation): op must be one of"),
        (replace("/id", "other"), "operation 1 (replace /id): /id cannot be changed"),
        (replace("/hypervisor", "xen"), "operation 1 (replace /hypervisor): /hypervisor cannot be changed"),
        (replace("/state", "running"), "operation 1 (replace /state): /state cannot be changed"),
        ({"op": "remove", "path": "/id"}, "operation 1 (remove /id): /id cannot be changed"),
        ({"op": "remove", "path": ""}, 'operation 1 (remove "")'),
        (replace("", []), 'operation 1 (replace ""): a virtual machine must be left'),
        (replace(CORES, 0), 'device "cpu": cpu_cores must be a whole number'),
        ({"op": "remove", "path": "/qemu_devices/3"}, 'device "nic": nic_netdev must be the id of a network'),
        ({"op": "add", "path": "/extra", "value": 1}, "extra is no field of a virtual machine"),
    ]
    for operation, says in wrong:
        refused(await patch(ada, good, operation), 400, says)
    assert await get_vm(ada) == LAB | {"state": "stopped"}
    bodies: list[Any] = [{}, "x", 1, None]
    for body in bodies:
        refused(await ada.patch(f"{VMS}/lab", json=body), 400)
    assert await happened(tenure, await id_of(tenure)) == ["Created"]


@pytest.mark.line("N58")
async def test_copies_of_copies_do_not_fill_the_memory(ada: httpx.AsyncClient) -> None:
    await created(ada)
    grow = {"op": "copy", "from": "/qemu_devices", "path": "/qemu_devices/0"}
    refused(await patch(ada, *[grow] * 100), 400, "the patched document would be too large")
    refused(await patch(ada, *[replace("/name", "x")] * 501), 400, "at most 500 operations")
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    refused(await patch(ada, {"op": "add", "path": "/deep", "value": deep}), 400)
    assert await get_vm(ada) == LAB | {"state": "stopped"}


@pytest.mark.line("N13")
async def test_the_agent_is_not_turned_on_by_a_patch_where_there_is_no_place_for_it(ada: httpx.AsyncClient) -> None:
    await created(ada)
    agent, q35, pc = (
        replace("/qemu_enable_agent", True),
        *(replace("/qemu_machine_type", machine_type) for machine_type in ("q35", "pc")),
    )
    says = "qemu_enable_agent must be false where qemu_machine_type is pc"
    refused(await patch(ada, agent), 400, says)
    fine(await patch(ada, agent, q35))  # it is the whole that counts
    refused(await patch(ada, pc), 400, says)
    assert (await get_vm(ada))["qemu_machine_type"] == "q35"


@pytest.mark.line("N59")
async def test_what_can_be_changed_while_it_runs_is_and_the_rest_takes_a_restart(
    tenure: Served, ada: httpx.AsyncClient
) -> None:
    await started(ada)
    on, id = tenure.hypervisor.on, await id_of(tenure)
    for operation, needs in (
        (replace("/name", "Other"), False),
        (replace("/autostart", True), False),
        (replace("/private", True), False),
        (replace(LIMIT, "2000 3000"), False),
        (replace(CORES, 4), True),
        (replace(LIMIT, "1000 1500"), False),  # of what was changed now, nothing
        (replace(CORES, 2), False),  # as it was when it started
        (replace(CORES, 8), True),
    ):
        assert fine(await patch(ada, operation)) == {"needs_restart": needs}, operation
    assert on[id]["qemu_devices"][1]["drive_iops_limit"] == "1000 1500"
    fine(await ada.post(f"{VMS}/lab/restart"))
    await eventually(lambda: started_again(tenure))
    assert on[id]["qemu_devices"][0]["cpu_cores"] == 8
    await until_state(ada, "running")
    fine(await ada.post(f"{VMS}/lab/stop"))
    await until_state(ada, "stopped")
    assert fine(await patch(ada, replace(CORES, 2))) == {"needs_restart": False}


async def started_again(tenure: Served) -> bool:
    return bool(tenure.hypervisor.started == 2)


@pytest.mark.line("N59")
async def test_a_patch_while_the_hypervisor_is_away_reaches_the_machine_later(
    tenure: Served, ada: httpx.AsyncClient
) -> None:
    await started(ada)
    id = await id_of(tenure)
    tenure.hypervisor.leave()
    assert fine(await patch(ada, replace(LIMIT, "2000 3000"))) == {"needs_restart": True}
    tenure.hypervisor.come_back()

    async def is_patched() -> bool:
        return bool(tenure.hypervisor.on[id]["qemu_devices"][1]["drive_iops_limit"] == "2000 3000")

    await eventually(is_patched)


async def test_an_answer_carries_what_an_update_can_be_bound_to(tenure: Served, ada: httpx.AsyncClient) -> None:
    answer = await ada.post(f"{VMS}/create", json=LAB)
    tag = answer.headers["etag"]
    assert (await ada.get(f"{VMS}/lab")).headers["etag"] == tag
    changed = await patch(ada, replace("/name", "One"), if_match=tag)
    assert fine(changed) and changed.headers["etag"] == (await ada.get(f"{VMS}/lab")).headers["etag"] != tag
    for stale in (tag, f"W/{changed.headers['etag']}", '"x"', "x"):
        refused(await patch(ada, replace("/name", "Two"), if_match=stale), 412, "was changed meanwhile")
        refused(await ada.delete(f"{VMS}/lab", headers={"If-Match": stale}), 412)
    assert (await get_vm(ada))["name"] == "One"
    fine(await patch(ada, replace("/name", "Two"), if_match=f'"x", {changed.headers["etag"]}'))
    fine(await patch(ada, replace("/name", "Three"), if_match="*"))
    before = (await ada.get(f"{VMS}/lab")).headers["etag"]
    fine(await ada.delete(f"{VMS}/lab", headers={"If-Match": before}))
    await created(ada)
    refused(await patch(ada, replace("/name", "Four"), if_match=tag), 412)  # it is another one


async def test_of_two_that_patch_at_once_neither_is_lost(ada: httpx.AsyncClient) -> None:

    await created(ada)
    add = [{"op": "add", "path": "/qemu_devices/-", "value": AUDIO | {"id": f"a{n}"}} for n in range(6)]
    for answer in await asyncio.gather(*(patch(ada, operation) for operation in add)):
        fine(answer)
    assert {device["id"] for device in (await get_vm(ada))["qemu_devices"]} >= {f"a{n}" for n in range(6)}


@pytest.mark.line("N11")
async def test_a_password_is_written_and_never_read(tenure: Served, database: str, ada: httpx.AsyncClient) -> None:
    vm = await created(ada, private=True, password="open sesame")
    assert vm == LAB | {"private": True, "state": "stopped"}
    configs, id = tenure.tenure.deps.neptuned.vm_configs, await id_of(tenure)
    assert await configs.check_password(id, "open sesame", "test") and not await configs.check_password(
        id, "open", "test"
    )
    set_it = {"op": "add", "path": "/password", "value": "abracadabra"}
    fine(await patch(ada, set_it))
    assert await configs.check_password(id, "abracadabra", "test") and not await configs.check_password(
        id, "open sesame", "test"
    )
    for operation in (
        {"op": "test", "path": "/password", "value": "abracadabra"},
        {"op": "copy", "from": "/password", "path": "/name"},
        {"op": "add", "path": "/password", "value": 1},
    ):
        message = refused(await patch(ada, set_it, operation), 400)
        assert "abracadabra" not in message
    smuggled = replace("", LAB | {"private": True, "password": "abracadabra"})
    refused(await patch(ada, smuggled, {"op": "move", "from": "/password", "path": "/name"}), 400)
    assert hashes(database) == 1
    events = json.dumps([str(vars(event)) for event in tenure.tenure.deps.http.platform.events.get(id)])
    shown_to = [(await ada.get(f"{VMS}/{path}")).text for path in ("list", "lab", "lab/history", "lab/history/1")]
    for text in (events, *shown_to, dump(database)):
        assert "sesame" not in text and "abracadabra" not in text and 'password"' not in text
    fine(await patch(ada, {"op": "remove", "path": "/password"}))
    assert not await configs.check_password(id, "abracadabra", "test") and hashes(database) == 0
    fine(await patch(ada, set_it))
    fine(await ada.delete(f"{VMS}/lab"))

    async def forgotten() -> bool:
        return hashes(database) == 0

    await eventually(forgotten)


async def test_what_is_no_password(database: str, ada: httpx.AsyncClient) -> None:
    for wrong in ("", "x" * 1001, 7, None):
        refused(await ada.post(f"{VMS}/create", json=LAB | {"password": wrong}), 400, "password must be")
    await created(ada, password="one")
    refused(await ada.post(f"{VMS}/create", json=LAB | {"password": "two"}), 409)
    assert hashes(database) == 1


async def test_a_password_of_a_machine_that_never_came_to_be_is_forgotten(database: str, tmp_path: Path) -> None:
    young, existing, stray = uuid4(), uuid4(), uuid4()
    async with served(database, tmp_path, role="api") as tenure:  # a worker forgets strays when it starts
        passwords = tenure.tenure.deps.neptuned.vm_configs.passwords
        for vm in (young, existing, stray):
            await passwords.store(uuid4(), vm, "open sesame", "test")
        with psycopg.connect(database) as conn:
            conn.execute("update vm_passwords set kept_at = now() - interval '2 hours' where vm_id <> %s", (young,))
        await passwords.forget_strays([existing])
    with psycopg.connect(database) as conn:
        assert {vm for (vm,) in conn.execute("select vm_id from vm_passwords")} == {young, existing}


def hashes(database: str) -> int:
    with psycopg.connect(database) as conn:
        return len(conn.execute("select * from vm_passwords").fetchall())


def dump(database: str) -> str:
    with psycopg.connect(database) as conn:
        tables = ("tenure_events", "trail", "vm_configs", "work")
        return "".join(str(bytes_as_text(row)) for table in tables for row in conn.execute(f"select * from {table}"))


def bytes_as_text(row: Any) -> Any:
    return [bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else value for value in row]


async def test_who_changed_what_and_what_it_was_before(ada: httpx.AsyncClient) -> None:
    await created(ada)
    fine(await patch(ada, replace(CORES, 4)))
    fine(await patch(ada, replace("/name", "Other"), {"op": "remove", "path": "/qemu_devices/4"}))
    newest, older, first = fine(await ada.get(f"{VMS}/lab/history"))
    assert [row["revision"] for row in (newest, older, first)] == [3, 2, 1]
    assert older["changes"] == [replace(CORES, 4)] and older["by_name"] == "ada"
    assert {change["path"] for change in newest["changes"]} == {"/name", "/qemu_devices/4"}
    assert older["by"] and older["request_id"] and older["at"].endswith("Z")
    assert fine(await ada.get(f"{VMS}/lab/history/1")) == LAB
    assert fine(await ada.get(f"{VMS}/lab/history/2")) == LAB | {"qemu_devices": with_cores(4)}
    refused(await ada.get(f"{VMS}/lab/history/4"), 404, "there is no revision 4; the newest is 3")
    for wrong in ("0", "x", "1.5"):
        refused(await ada.get(f"{VMS}/lab/history/{wrong}"), 400)
    fine(await patch(ada, replace("", fine(await ada.get(f"{VMS}/lab/history/1")))))
    assert await get_vm(ada) == LAB | {"state": "stopped"}
