"""`Machines` on Docker and on this host: what the port says holds on every real engine."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from application.ports.errors import EngineRefused
from tests.support.engines import TEMPLATE, Engine, lacking, opened

ODD_NAMES = ["two words", "-rf", "new\nline", "*", "'\"$(x)", "ünï", ".hidden", "\\"]


@pytest.fixture(params=["docker", "local"])
async def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    if request.param == "local" and not shutil.which("tmux"):
        lacking("tmux", "there is no tmux")
    async with opened(request.param, tmp_path_factory.mktemp("home")) as engine:
        yield engine


def write(engine: Engine, id: UUID, name: str, text: str) -> None:
    engine.inside(id, "sh", "-c", 'printf %s "$2" > "./$1"', "sh", name, text)


def read(engine: Engine, id: UUID, name: str) -> str:
    return engine.inside(id, "cat", f"./{name}").decode()


async def test_the_engine_answers(engine: Engine) -> None:
    await engine.machines.ping()


async def test_running_twice_is_running_once(engine: Engine) -> None:
    id = uuid4()
    first = await engine.machines.ensure_running(id, TEMPLATE)
    assert first.running and first.workspace_id == id and str(id) in first.provider_id
    assert await engine.machines.ensure_running(id, TEMPLATE) == first
    assert await engine.machines.find(id) == first
    assert await engine.machines.all() == [first]


async def test_eight_who_ask_at_once_in_two_processes_get_one_machine(engine: Engine) -> None:
    id = uuid4()
    askers = [engine.machines, engine.another()] * 4
    machines = await asyncio.gather(*(asker.ensure_running(id, TEMPLATE) for asker in askers))
    assert all(machine.running for machine in machines)
    assert len({machine.engine_id for machine in machines}) == len(await engine.machines.all()) == 1


async def test_what_is_stopped_keeps_its_files_and_starts_again(engine: Engine) -> None:
    id = uuid4()
    created = await engine.machines.ensure_running(id, TEMPLATE)
    write(engine, id, "kept", "files")
    for _ in range(2):
        await engine.machines.ensure_stopped(id)
    stopped = await engine.machines.find(id)
    assert stopped and not stopped.running
    assert await engine.machines.all() == [stopped]

    again = await engine.machines.ensure_running(id, TEMPLATE)
    assert again.running and again.engine_id == created.engine_id
    assert read(engine, id, "kept") == "files"


async def test_restart_from_whatever_state(engine: Engine) -> None:
    id = uuid4()
    created = await engine.machines.ensure_running(id, TEMPLATE)
    write(engine, id, "kept", "files")
    for _ in range(2):
        restarted = await engine.machines.restart(id)
        assert restarted.running and restarted.engine_id == created.engine_id
        await engine.machines.ensure_stopped(id)
    await engine.machines.restart(id)
    assert read(engine, id, "kept") == "files"


async def test_nothing_there_is_stopped_enough_and_gone_enough(engine: Engine) -> None:
    await engine.machines.ensure_stopped(uuid4())
    await engine.machines.ensure_gone(uuid4())
    assert await engine.machines.find(uuid4()) is None
    assert await engine.machines.all() == []


async def test_nothing_there_cannot_be_restarted_kept_or_brought_back(engine: Engine) -> None:
    with pytest.raises(EngineRefused, match="no machine"):
        await engine.machines.restart(uuid4())
    with pytest.raises(EngineRefused, match="no machine"):
        await engine.machines.snapshot(uuid4(), uuid4())
    with pytest.raises(EngineRefused, match="no such snapshot"):
        await engine.machines.restore(uuid4(), TEMPLATE, uuid4(), uuid4())
    assert await engine.machines.all() == []


async def test_a_machine_that_died_is_found_stopped_and_started_again(engine: Engine) -> None:
    id = uuid4()
    created = await engine.machines.ensure_running(id, TEMPLATE)
    write(engine, id, "kept", "files")
    engine.kill(id)
    died = await engine.machines.find(id)
    assert died and not died.running and died.engine_id == created.engine_id
    assert (await engine.machines.ensure_running(id, TEMPLATE)).running
    assert read(engine, id, "kept") == "files"


async def test_a_snapshot_is_taken_once_and_restored_once_for_an_operation(engine: Engine) -> None:
    id, snapshot, operation = uuid4(), uuid4(), uuid4()
    created = await engine.machines.ensure_running(id, TEMPLATE)
    write(engine, id, "file", "then")
    size = await engine.machines.snapshot(id, snapshot)
    assert size >= len("then")
    write(engine, id, "file", "now")
    write(engine, id, "later", "too")
    assert await engine.machines.snapshot(id, snapshot) == size

    restored = await engine.machines.restore(id, TEMPLATE, snapshot, operation)
    assert restored.running and restored.engine_id != created.engine_id
    assert restored.provider_id == created.provider_id
    assert read(engine, id, "file") == "then"
    assert engine.inside(id, "sh", "-c", "ls later 2>/dev/null || true") == b""

    write(engine, id, "file", "after")
    assert (await engine.machines.restore(id, TEMPLATE, snapshot, operation)).engine_id == restored.engine_id
    assert read(engine, id, "file") == "after"
    await engine.machines.restore(id, TEMPLATE, snapshot, uuid4())
    assert read(engine, id, "file") == "then"
    assert len(await engine.machines.all()) == 1


async def test_a_stopped_machine_can_be_kept_and_brought_back(engine: Engine) -> None:
    id, snapshot = uuid4(), uuid4()
    await engine.machines.ensure_running(id, TEMPLATE)
    write(engine, id, "file", "then")
    await engine.machines.ensure_stopped(id)
    await engine.machines.snapshot(id, snapshot)
    assert (await engine.machines.restore(id, TEMPLATE, snapshot, uuid4())).running
    assert read(engine, id, "file") == "then"


async def test_files_with_odd_names_links_and_pipes_do_not_hinder_a_snapshot(engine: Engine) -> None:
    id, snapshot = uuid4(), uuid4()
    await engine.machines.ensure_running(id, TEMPLATE)
    for name in ODD_NAMES:
        write(engine, id, name, f"in {name}")
    script = r"""
        umask 022
        printf bytes > "$(printf 'caf\351')"
        ln -s /etc etc && ln -s nowhere dangling && ln -s . self && mkfifo pipe
        mkdir -p dir/deep && echo x > dir/deep/file && chmod 600 dir/deep/file && chmod 555 dir/deep
    """
    engine.inside(id, "sh", "-ec", script)
    await engine.machines.snapshot(id, snapshot)
    engine.inside(id, "sh", "-c", "chmod 755 dir/deep; rm -rf -- ./*")
    await engine.machines.restore(id, TEMPLATE, snapshot, uuid4())

    assert {name: read(engine, id, name) for name in ODD_NAMES} == {name: f"in {name}" for name in ODD_NAMES}
    assert engine.inside(id, "sh", "-c", r'cat "$(printf "caf\351")"') == b"bytes"
    links = engine.inside(id, "readlink", "etc", "dangling", "self").decode().split()
    assert links == ["/etc", "nowhere", "."]
    modes = engine.inside(id, "stat", "-c", "%a", "dir/deep", "dir/deep/file").decode().split()
    assert modes == ["555", "600"]
    await engine.machines.ensure_gone(id)
    assert engine.leftovers(id) == []


async def test_gone_means_machine_and_snapshots_and_nobody_elses(engine: Engine) -> None:
    id, other, first, second, third = (uuid4() for _ in range(5))
    for one in (id, other):
        await engine.machines.ensure_running(one, TEMPLATE)
    await engine.machines.snapshot(other, third)
    await engine.machines.snapshot(id, first)
    await engine.machines.restore(id, TEMPLATE, first, uuid4())
    await engine.machines.snapshot(id, second)  # stands on the first
    for _ in range(2):
        await engine.machines.ensure_gone(id)
        assert engine.leftovers(id) == []
    assert [machine.workspace_id for machine in await engine.machines.all()] == [other]
    with pytest.raises(EngineRefused, match="no such snapshot"):
        await engine.machines.restore(id, TEMPLATE, first, uuid4())
    assert (await engine.machines.restore(other, TEMPLATE, third, uuid4())).running


async def test_several_who_remove_at_once_all_succeed(engine: Engine) -> None:
    id = uuid4()
    await engine.machines.ensure_running(id, TEMPLATE)
    await asyncio.gather(*(asker.ensure_gone(id) for asker in [engine.machines, engine.another()] * 3))
    assert engine.leftovers(id) == []


async def test_a_snapshot_of_another_machine_is_not_restored(engine: Engine) -> None:
    id, other, snapshot = uuid4(), uuid4(), uuid4()
    for one in (id, other):
        await engine.machines.ensure_running(one, TEMPLATE)
    await engine.machines.snapshot(other, snapshot)
    with pytest.raises(EngineRefused, match="snapshot"):
        await engine.machines.restore(id, TEMPLATE, snapshot, uuid4())
    machine = await engine.machines.find(id)
    assert machine and machine.running


async def test_another_installation_sees_nothing_and_touches_nothing(engine: Engine) -> None:
    id = uuid4()
    created = await engine.machines.ensure_running(id, TEMPLATE)
    stranger = engine.another(uuid4())
    assert await stranger.find(id) is None
    assert await stranger.all() == []
    await stranger.ensure_stopped(id)
    await stranger.ensure_gone(id)
    with pytest.raises(EngineRefused):
        await stranger.ensure_running(id, TEMPLATE)
    with pytest.raises(EngineRefused):
        await stranger.restart(id)
    assert await engine.machines.find(id) == created
