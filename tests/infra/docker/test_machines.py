"""What Docker adds to the port: enforced limits, machines that cannot reach one another, refusals in plain words."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from application.ports.errors import EngineRefused, Unavailable
from application.ports.machines import Template
from infra.docker.machines import DockerMachines
from tests.support.engines import TEMPLATE, DockerEngine, opened
from tests.support.server import eventually


@pytest.fixture
async def engine() -> AsyncIterator[DockerEngine]:
    async with opened("docker", Path()) as engine:
        assert isinstance(engine, DockerEngine)
        yield engine


async def test_the_engine_enforces_what_the_template_says(engine: DockerEngine) -> None:
    id = uuid4()
    await engine.machines.ensure_running(id, TEMPLATE)
    container = engine.container(id).attrs
    host = container["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == 256 * 2**20
    assert host["NanoCpus"] == 500_000_000
    assert host["PidsLimit"] == 64
    assert host["RestartPolicy"]["Name"] in ("", "no")
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}}
    assert container["Config"]["Hostname"] == id.hex[:12]
    assert (
        container["Config"]["Labels"].items()
        >= {
            "tenure.installation": str(engine.installation),
            "tenure.workspace": str(id),
            "tenure.template": "default",
        }.items()
    )


async def test_privileges_are_dropped(engine: DockerEngine) -> None:
    id = uuid4()
    await engine.machines.ensure_running(id, TEMPLATE)
    host = engine.container(id).attrs["HostConfig"]
    assert not host["Privileged"] and not host["Binds"] and host["PidMode"] == ""
    status = dict(
        line.split(":\t", 1)
        for line in engine.inside(id, "cat", "/proc/1/status").decode().splitlines()
        if "\t" in line
    )
    # AUDIT_WRITE, SYS_CHROOT, SETUID, SETGID, KILL and CHOWN, by their bits
    assert int(status["CapBnd"], 16) == 1 << 29 | 1 << 18 | 1 << 7 | 1 << 6 | 1 << 5 | 1
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"


async def test_ports_are_published_on_loopback_only(engine: DockerEngine) -> None:
    id = uuid4()
    machine = await engine.machines.ensure_running(id, replace(TEMPLATE, ports=(22, 8080)))
    published = engine.container(id).attrs["NetworkSettings"]["Ports"]
    assert {bound["HostIp"] for bindings in published.values() for bound in bindings} == {"127.0.0.1"}
    assert machine.connection["host"] == "127.0.0.1"
    assert set(machine.connection["ports"]) == {"22", "8080"}
    assert all(1024 <= port < 65536 for port in machine.connection["ports"].values())

    await engine.machines.ensure_stopped(id)
    stopped = await engine.machines.find(id)
    assert stopped and stopped.connection == {"host": "127.0.0.1", "ports": {}}


async def test_machines_do_not_reach_one_another(engine: DockerEngine) -> None:
    one, other = uuid4(), uuid4()
    for id in (one, other):
        await engine.machines.ensure_running(id, TEMPLATE)
    networks = engine.container(other).attrs["NetworkSettings"]["Networks"]
    (address,) = [network["IPAddress"] for network in networks.values()]
    # It answers itself by that address, so silence is the network's doing.
    knock = ["timeout", "2", "bash", "-c", 'for i in {1..50}; do : <>"/dev/tcp/$0/22" && echo open && break; done']
    assert b"open" in engine.inside(other, *knock, address)
    refused = engine.container(one).exec_run([*knock, address])
    assert b"open" not in refused.output and refused.exit_code != 0


async def test_an_image_that_cannot_be_had_is_said_in_a_sentence(engine: DockerEngine) -> None:
    id = uuid4()
    with pytest.raises(EngineRefused, match=r'^the image "registry\.invalid/x:1" cannot be had: [^\n]+[^.\n]$'):
        await engine.machines.ensure_running(id, Template("x", "registry.invalid/x:1"))
    assert engine.leftovers(id) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"command": ("no-such-command",)}, r'exec: "no-such-command": executable file not found'),
        ({"command": ("false",)}, "ended at once, with exit code 1"),
        ({"memory_mb": 1}, "[Mm]inimum memory limit"),
    ],
)
async def test_what_cannot_run_leaves_nothing_behind(
    engine: DockerEngine, wrong: dict[str, object], words: str
) -> None:
    id = uuid4()

    async def refused() -> str:
        try:
            await engine.machines.ensure_running(id, replace(TEMPLATE, **wrong))  # type: ignore[arg-type]
        except EngineRefused as no:
            return str(no)
        await engine.machines.ensure_gone(id)  # on a slow host it may have been seen running before it ended
        return ""

    sentence = await eventually(refused)
    assert re.search(words, sentence) and "\n" not in sentence and "OCI" not in sentence
    assert engine.leftovers(id) == []


@pytest.mark.parametrize("url", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
async def test_an_engine_that_does_not_answer_is_unavailable(url: str) -> None:
    away = DockerMachines(url, uuid4())
    calls = [
        away.ping(),
        away.ensure_running(uuid4(), TEMPLATE),
        away.ensure_stopped(uuid4()),
        away.restart(uuid4()),
        away.ensure_gone(uuid4()),
        away.snapshot(uuid4(), uuid4()),
        away.restore(uuid4(), TEMPLATE, uuid4(), uuid4()),
        away.find(uuid4()),
        away.all(),
    ]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {(type(answer), getattr(answer, "part", None)) for answer in answers} == {(Unavailable, "docker")}
    away.close()


async def test_a_machine_that_was_created_and_never_started_is_started(engine: DockerEngine) -> None:
    """A worker that is killed between creation and start leaves such a container."""
    id = uuid4()
    created = await engine.machines.ensure_running(id, TEMPLATE)
    engine.container(id).remove(force=True)
    labels = {"tenure.installation": str(engine.installation), "tenure.workspace": str(id)}
    engine.client.containers.create(TEMPLATE.image, name=created.provider_id, labels=labels)
    machine = await engine.machines.find(id)
    assert machine and not machine.running
    assert (await engine.machines.ensure_running(id, TEMPLATE)).engine_id == machine.engine_id
    assert [machine.running for machine in await engine.machines.all()] == [True]


@pytest.mark.fault("F45")
async def test_a_machine_that_exists_is_started_without_its_image(engine: DockerEngine) -> None:
    id, template = uuid4(), replace(TEMPLATE, image=f"tenure-test:{engine.installation}")
    engine.client.images.get(TEMPLATE.image).tag(template.image)
    machine = await engine.machines.ensure_running(id, template)
    await engine.machines.ensure_stopped(id)
    engine.client.images.remove(template.image)  # its name: no registry has such an image
    again = await engine.machines.ensure_running(id, template)
    assert again.running and again.engine_id == machine.engine_id
    with pytest.raises(EngineRefused, match="cannot be had"):
        await engine.machines.ensure_running(uuid4(), template)


@pytest.mark.fault("F43")
async def test_machines_and_networks_tell_which_log_has_made_them(engine: DockerEngine) -> None:
    one, other = (DockerMachines(None, engine.installation, epoch=uuid4()) for _ in range(2))
    id, network = uuid4(), uuid4()
    try:
        await one.ensure_running(id, replace(TEMPLATE, network=network))
        for machines, is_of_this_log in ((one, True), (other, False)):
            machine = await machines.find(id)
            assert machine and machine.is_of_this_log is is_of_this_log
            assert [machine.is_of_this_log for machine in await machines.all()] == [is_of_this_log]
            assert [(n.id, n.is_of_this_log) for n in await machines.networks()] == [(network, is_of_this_log)]
    finally:
        one.close()
        other.close()


@pytest.mark.fault("F46")
async def test_a_container_that_somebody_starts_from_a_snapshot_is_left_to_them(engine: DockerEngine) -> None:
    id, snapshot = uuid4(), uuid4()
    await engine.machines.ensure_running(id, TEMPLATE)
    await engine.machines.snapshot(id, snapshot)
    foreign = engine.client.containers.create(f"tenure-snapshot:{snapshot}")
    try:
        engine.container(id).rename(f"renamed-{id}")
        await engine.machines.ensure_gone(id)
        foreign.reload()
        assert engine.client.containers.list(all=True, filters={"name": f"renamed-{id}"}) == []
    finally:
        foreign.remove(force=True)


async def test_a_stopped_machine_survives_the_loss_of_its_network(engine: DockerEngine) -> None:
    id = uuid4()
    await engine.machines.ensure_running(id, TEMPLATE)
    await engine.machines.ensure_stopped(id)
    engine.client.networks.get(f"tenure-{engine.installation}").remove()
    askers = [engine.machines] * 4
    machines = await asyncio.gather(*(asker.ensure_running(id, TEMPLATE) for asker in askers))
    assert all(machine.running and machine.connection["ports"] for machine in machines)


async def test_a_container_without_our_labels_and_our_name_is_nobodys(engine: DockerEngine) -> None:
    label = {"tenure.installation": str(engine.installation)}
    engine.client.containers.create(TEMPLATE.image, labels=label)
    engine.client.containers.create(TEMPLATE.image, labels=label | {"tenure.workspace": "seven"})
    engine.client.containers.create(TEMPLATE.image, labels=label | {"tenure.workspace": str(uuid4())})
    assert await engine.machines.all() == []


async def test_a_name_that_somebody_else_has_is_left_to_them(engine: DockerEngine) -> None:
    id = uuid4()
    foreign = engine.client.containers.create(TEMPLATE.image, name=f"tenure-{id}")
    try:
        with pytest.raises(EngineRefused, match="is taken"):
            await engine.machines.ensure_running(id, TEMPLATE)
        assert await engine.machines.find(id) is None
        await engine.machines.ensure_gone(id)
        foreign.reload()
    finally:
        foreign.remove(force=True)
