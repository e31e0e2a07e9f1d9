"""Virtual machines: created, listed, started and deleted by their administrators."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contracts.neptuned.machines import LAB, VMS, created, get_vm, happened, id_of, patch, started, until_state
from tests.contracts.neptuned.people import fine, nobody, person, refused
from tests.support.server import Served, eventually, served
from tests.support.stories.vms import (
    AUDIO,
    CDROM,
    CPU,
    CUSTOM,
    DISPLAY,
    DRIVE,
    HBA,
    LSI,
    MDEV,
    NETWORK,
    NIC,
    TAP,
    document,
)

ON_HBA = DRIVE | {"drive_bus": "scsi"}
TAP_NIC = NIC | {"nic_netdev": "tap", "nic_type": "virtio"}


@pytest.mark.line("N41")
async def test_only_administrators_are_let_in(tenure: Served, ada: httpx.AsyncClient) -> None:
    await created(ada)
    requests: list[tuple[str, str, Any]] = [
        ("GET", "/list", None),
        ("POST", "/create", LAB),
        ("GET", "/lab", None),
        ("PATCH", "/lab", []),
        ("DELETE", "/lab", None),
        ("POST", "/lab/start", None),
        ("POST", "/lab/stop", None),
        ("POST", "/lab/restart", None),
        ("GET", "/lab/history", None),
        ("GET", "/lab/history/1", None),
    ]
    async with nobody(tenure) as stranger, person(tenure, "ben") as ben:
        for method, path, body in requests:
            for client, status in ((stranger, 401), (ben, 403)):
                refused(await client.request(method, VMS + path, json=body), status)
    assert len(fine(await ada.get(f"{VMS}/list"))) == 1


@pytest.mark.line("N01", "N09", "N54", "N55", "N56")
async def test_what_is_created_is_there_as_it_was_sent(ada: httpx.AsyncClient) -> None:
    assert await created(ada) == LAB | {"state": "stopped"}
    other = document(id="other", name="Other", qemu_machine_type="q35", qemu_machine_version="7.2")
    await created(ada, other)
    assert await get_vm(ada) == LAB | {"state": "stopped"}
    listed = fine(await ada.get(f"{VMS}/list"))
    assert listed == [LAB | {"state": "stopped"}, other | {"state": "stopped"}]
    assert {row["hypervisor"] for row in listed} == {"qemu"}


@pytest.mark.line("N54")
async def test_all_are_listed_with_their_state(tenure: Served, ada: httpx.AsyncClient) -> None:
    await started(ada)
    await created(ada, id="still", qemu_uuid="6b8f4f4e-5d4f-4c36-9b5e-3f3f5f0c8a02")
    listed = fine(await ada.get(f"{VMS}/list"))
    assert [(row["id"], row["state"]) for row in listed] == [("lab", "running"), ("still", "stopped")]
    tenure.hypervisor.leave()
    fine(await ada.post(f"{VMS}/still/start"))
    assert (await get_vm(ada, "still"))["state"] == "starting"
    tenure.hypervisor.come_back()
    await until_state(ada, "running", "still")


GOOD: list[tuple[dict[str, Any], ...]] = [
    (CPU | {"cpu_features": ["avx2", "-svm"]},),
    (DRIVE, CDROM, DRIVE | {"id": "ssd", "drive_type": "ssd", "drive_image": "b.raw", "drive_bus": "sata"}),
    (DRIVE | {"drive_format": "raw", "drive_use_io_uring": True, "drive_cache_type": "none"},),
    (DRIVE | {"drive_bps_limit": "15000000 25000000", "drive_iops_limit": "1000 1500"},),
    (HBA, ON_HBA),
    (LSI, ON_HBA),
    (AUDIO, AUDIO | {"id": "b", "audio_type": "ac97"}, AUDIO | {"id": "c", "audio_type": "sb16"}),
    (DISPLAY,),
    (DISPLAY | {"display_type": "qxl"},),
    (DISPLAY | {"display_type": "cirrus"},),
    (MDEV,),
    (NETWORK, NIC),
    (TAP, TAP_NIC),
    (CUSTOM,),
]
WRONG: list[tuple[tuple[dict[str, Any], ...], str]] = [
    ((CPU, AUDIO | {"id": "cpu"}), 'device "cpu": id is that of another device'),
    ((CPU | {"type": "fpga"},), 'device "cpu": type must be cpu, drive'),
    ((CPU | {"cpu_cores": 0},), 'device "cpu": cpu_cores must be a whole number'),
    ((CPU | {"nic_mac": "x"},), 'device "cpu": nic_mac is no field where type is cpu'),
    ((DRIVE | {"drive_type": "tape"},), 'device "disk": drive_type must be hdd, ssd or cdrom'),
    ((DRIVE | {"drive_bps_limit": "1"},), 'device "disk": drive_bps_limit must be two whole numbers'),
    ((DRIVE | {"drive_iops_limit": "9 8"},), 'device "disk": drive_iops_limit has a limit for a moment, 8'),
    ((DRIVE | {"drive_image": "../../etc/shadow"},), 'device "disk": drive_image must be a path below'),
    ((LSI | {"hba_num_queues": 1},), 'device "lsi": hba_num_queues is no field where hba_type is lsi'),
    ((AUDIO | {"audio_type": "gus"},), 'device "audio": audio_type must be hda, ac97 or sb16'),
    ((MDEV | {"display_vgamem_mb": 1},), 'device "gpu": display_vgamem_mb is no field'),
    ((TAP | {"network_type": "user"},), 'device "tap": tap_interface_name is no field'),
    ((NIC, NETWORK), 'device "nic": nic_netdev must be the id of a network that comes before it'),
    ((CUSTOM | {"command_line": "-daemonize"},), 'device "extra": command_line must not have -daemonize'),
    ((CUSTOM | {"command_line": "-monitor stdio"},), 'device "extra": command_line must not have -monitor'),
]


@pytest.mark.line("N14", "N15", "N16", "N17", "N18", "N19", "N20", "N21", "N22", "N23", "N24")
async def test_each_kind_of_device(ada: httpx.AsyncClient) -> None:
    for nth, devices in enumerate(GOOD):
        assert (await created(ada, document(*devices, id=f"vm{nth}")))["qemu_devices"] == list(devices)
        assert (await get_vm(ada, f"vm{nth}"))["qemu_devices"] == list(devices)


@pytest.mark.line("N14", "N15", "N16", "N17", "N18", "N19", "N20", "N21", "N22", "N23", "N24")
async def test_what_is_wrong_is_said_with_the_device_and_the_field(ada: httpx.AsyncClient) -> None:
    for devices, says in WRONG:
        refused(await ada.post(f"{VMS}/create", json=document(*devices)), 400, says)
    assert fine(await ada.get(f"{VMS}/list")) == []


@pytest.mark.line("N09", "N56")
async def test_what_is_no_configuration(ada: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    for body, says in (
        (b"", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b"{", "not valid JSON"),
        (b"{}", "id is needed"),
        (b'{"id": "a"}', "name is needed"),
        (b'{"id": NaN}', "id must be a word"),
    ):
        refused(await ada.post(f"{VMS}/create", content=body, headers=headers), 400, says)


async def test_ids_that_are_addresses_of_something_else_are_refused(ada: httpx.AsyncClient) -> None:
    for id in ("list", "create", "a/b", "", ".."):
        refused(await ada.post(f"{VMS}/create", json=LAB | {"id": id}), 400, "id must")
    refused(await ada.post(f"{VMS}/create", json=LAB | {"hypervisor": "xen"}), 400, "hypervisor must be qemu")
    refused(await ada.post(f"{VMS}/create", json=LAB | {"state": "running"}), 400, "state is no field")


async def test_an_id_is_one_machine_s_until_that_is_deleted(tenure: Served, ada: httpx.AsyncClient) -> None:
    await started(ada)
    first = await id_of(tenure)
    refused(await ada.post(f"{VMS}/create", json=LAB), 409, "already")
    fine(await ada.delete(f"{VMS}/lab"))
    assert await created(ada) == LAB | {"state": "stopped"}
    await eventually(lambda: is_cleared(tenure, first))
    assert tenure.hypervisor.on == {} and await id_of(tenure) != first


async def is_cleared(tenure: Served, vm: Any) -> bool:
    return (await happened(tenure, vm))[-1] == "Cleared"


@pytest.mark.line("N10")
async def test_with_autostart_it_starts_when_it_is_created(tenure: Served, ada: httpx.AsyncClient) -> None:
    assert (await created(ada, autostart=True))["state"] == "starting"
    await until_state(ada, "running")
    assert tenure.hypervisor.on == {await id_of(tenure): LAB | {"autostart": True}}


@pytest.mark.line("N10")
async def test_with_autostart_it_starts_when_we_do(database: str, tmp_path: Any) -> None:
    async with served(database, tmp_path) as tenure, person(tenure, "ada") as ada:
        await created(ada, autostart=True)
        await until_state(ada, "running")
        await started(ada, id="b", qemu_uuid="6b8f4f4e-5d4f-4c36-9b5e-3f3f5f0c8a02")
        for vm in ("lab", "b"):
            fine(await ada.post(f"{VMS}/{vm}/stop"))
            await until_state(ada, "stopped", vm)
    async with served(database, tmp_path) as tenure, nobody(tenure, **dict(ada.headers)) as ada:
        await until_state(ada, "running")
        assert (await get_vm(ada, "b"))["state"] == "stopped"
        assert list(tenure.hypervisor.on) == [await id_of(tenure)]


@pytest.mark.line("N12")
async def test_the_agent_is_for_q35_only(ada: httpx.AsyncClient) -> None:
    says = "qemu_enable_agent must be false where qemu_machine_type is pc"
    refused(await ada.post(f"{VMS}/create", json=LAB | {"qemu_enable_agent": True}), 400, says)
    q35: dict[str, Any] = {"qemu_enable_agent": True, "qemu_machine_type": "q35"}
    assert (await created(ada, **q35))["qemu_enable_agent"] is True


@pytest.mark.line("N60")
async def test_what_is_deleted_is_gone(tenure: Served, ada: httpx.AsyncClient) -> None:
    await started(ada)
    id = await id_of(tenure)
    assert fine(await ada.delete(f"{VMS}/lab")) == {}
    assert fine(await ada.get(f"{VMS}/list")) == []
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/start"), ("GET", "/history")):
        refused(await ada.request(method, f"{VMS}/lab{path}"), 404, "no such virtual machine")
    refused(await patch(ada), 404)
    await eventually(lambda: is_cleared(tenure, id))
    assert tenure.hypervisor.on == {} and tenure.hypervisor.defined == set()


@pytest.mark.line("N55", "N57", "N60")
async def test_what_there_is_not(ada: httpx.AsyncClient) -> None:
    for vm in ("nothing", "list%2F", "a b", "list/x"):
        refused(await ada.get(f"{VMS}/{vm}"), 404)
        refused(await ada.delete(f"{VMS}/{vm}"), 404)
    refused(await patch(ada, vm="nothing"), 404, "no such virtual machine")
    refused(await ada.put(f"{VMS}/lab", json={}), 405)


async def test_it_is_started_stopped_and_restarted(tenure: Served, ada: httpx.AsyncClient) -> None:
    await created(ada)
    id = await id_of(tenure)
    assert fine(await ada.post(f"{VMS}/lab/start")) == {}
    await until_state(ada, "running")
    refused(await ada.post(f"{VMS}/lab/start"), 409, "running already")
    assert fine(await ada.post(f"{VMS}/lab/restart")) == {}
    await eventually(lambda: started_twice(tenure))
    await until_state(ada, "running")
    assert fine(await ada.post(f"{VMS}/lab/stop")) == {}
    await until_state(ada, "stopped")
    refused(await ada.post(f"{VMS}/lab/stop"), 409, "stopped already")
    refused(await ada.post(f"{VMS}/lab/restart"), 409, "does not run")
    expected = ["StartRequested", "Started", "RestartRequested", "Started", "StopRequested", "Stopped"]
    assert await happened(tenure, id) == ["Created", *expected]
    assert "error" not in await get_vm(ada)


async def started_twice(tenure: Served) -> bool:
    return bool(tenure.hypervisor.started == 2)


async def test_what_the_hypervisor_cannot_do_is_an_error_of_that_machine(
    tenure: Served, ada: httpx.AsyncClient
) -> None:
    tenure.hypervisor.refuses = 'device "gpu": this host has no such profile'
    await created(ada)
    fine(await ada.post(f"{VMS}/lab/start"))
    assert (await until_state(ada, "stopped"))["error"] == 'device "gpu": this host has no such profile'
    tenure.hypervisor.refuses = None
    fine(await ada.post(f"{VMS}/lab/start"))
    assert "error" not in await until_state(ada, "running")


async def test_a_body_that_is_too_large(ada: httpx.AsyncClient) -> None:
    refused(await ada.post(f"{VMS}/create", json=LAB | {"name": "x" * 2_000_000}), 413)
    refused(await ada.patch(f"{VMS}/lab", json=["x" * 2_000_000]), 413)


@pytest.mark.fault("F23")
async def test_custom_command_lines_are_off_unless_switched_on_and_taps_can_be_switched_off(
    database: str, tmp_path: Any
) -> None:
    async with served(database, tmp_path, vm_custom_cmd=True) as tenure, person(tenure, "ada") as ada:
        await created(ada, document(TAP, TAP_NIC, CUSTOM))
    off: dict[str, Any] = {"vm_tap": False}
    async with served(database, tmp_path, **off) as tenure, nobody(tenure, **dict(ada.headers)) as ada:
        for devices, says in (
            ((TAP, TAP_NIC), 'device "tap": tap is switched off here, by the setting TENURE_VM_TAP'),
            ((CUSTOM,), 'device "extra": custom_cmd is switched off here, by the setting TENURE_VM_CUSTOM_CMD'),
        ):
            refused(await ada.post(f"{VMS}/create", json=document(*devices, id="b")), 400, says)
        add = {"op": "add", "path": "/qemu_devices/-", "value": CPU}
        refused(await patch(ada, add), 400, "is switched off here")
        fine(await ada.post(f"{VMS}/lab/start"))
        assert "is switched off here" in (await until_state(ada, "stopped"))["error"]
        assert tenure.hypervisor.on == {}


async def test_auditors_see_what_was_asked_with_the_command_lines(tenure: Served, ada: httpx.AsyncClient) -> None:
    await created(ada, document(CUSTOM))
    id = await id_of(tenure)
    event: Any
    (event,) = [stored for stored in tenure.tenure.deps.http.platform.events.get(id)]
    assert event.document["qemu_devices"][0]["command_line"] == CUSTOM["command_line"]
    assert event.by is not None and event.request_id


async def test_without_libvirt_it_is_said_to_be_missing(tenure: Served, ada: httpx.AsyncClient) -> None:
    await created(ada)
    tenure.hypervisor.absent = "there are no virtual machines here"
    for path in ("create", "lab/start"):
        answer = await ada.post(f"{VMS}/{path}", json=LAB)
        refused(answer, 503, "no virtual machines here")
        assert answer.headers["retry-after"] == "3600"
    assert fine(await ada.get(f"{VMS}/list")) == [LAB | {"state": "stopped"}]
