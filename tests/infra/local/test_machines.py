"""What machines of this host add to the port: whole after a kill at any step, a clean environment, no process left."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest

from application.ports.errors import EngineRefused, Unavailable
from application.ports.machines import Template
from infra.local.machines import LocalMachines
from tests.support.engines import lacking
from tests.support.server import eventually

TEMPLATE = Template("default", "no-image-is-needed")
INSTALLATION, ID, SNAPSHOT, OPERATION = (UUID(int=number) for number in range(4))
CALLS: dict[str, Callable[[LocalMachines], Coroutine[Any, Any, Any]]] = {
    "ensure_running": lambda machines: machines.ensure_running(ID, TEMPLATE),
    "ensure_stopped": lambda machines: machines.ensure_stopped(ID),
    "snapshot": lambda machines: machines.snapshot(ID, SNAPSHOT),
    "restore": lambda machines: machines.restore(ID, TEMPLATE, SNAPSHOT, OPERATION),
    "ensure_gone": lambda machines: machines.ensure_gone(ID),
}
STEPS = {"os.mkdir", "os.rename", "os.remove", "shutil.copyfile", "subprocess.Popen"}

needs_tmux = pytest.mark.usefixtures("tmux")


@pytest.fixture
def tmux() -> None:
    if not shutil.which("tmux"):
        lacking("tmux", "there is no tmux")


@pytest.fixture
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    home = tmp_path_factory.mktemp("home")
    yield home
    last = LocalMachines(home, INSTALLATION)
    for machine in await last.all():
        await last.ensure_gone(machine.workspace_id)
    last.close()


@pytest.fixture
async def machines(home: Path) -> AsyncIterator[LocalMachines]:
    machines = LocalMachines(home, INSTALLATION)
    yield machines
    machines.close()


def files(home: Path) -> Path:
    return home / "machines" / str(ID)


def environments(machine: UUID) -> list[dict[str, str]]:
    environments = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if environment.get("WORKSPACE_ID") == str(machine):
            environments.append(environment)
    return environments


# -- killed at any step -------------------------------------------------------------------------------------


def die_at(home: str, call: str, step: int) -> None:
    """Make the call, and kill this process before its nth step on a path under this home."""
    numbers = count(1)

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event in STEPS and home in str(args) and next(numbers) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    machines = LocalMachines(Path(home), INSTALLATION)
    sys.addaudithook(hook)
    asyncio.run(CALLS[call](machines))


@pytest.mark.parametrize("call", CALLS)
async def test_killed_at_any_step_it_is_whole_and_the_next_try_succeeds(home: Path, call: str) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["infra.local.machines"])
    for step in count(1):
        machines = LocalMachines(home, INSTALLATION)
        await machines.ensure_running(ID, TEMPLATE)
        (files(home) / "file").write_text("then")
        if call != "snapshot":
            await machines.snapshot(ID, SNAPSHOT)
            (files(home) / "file").write_text("now")

        process = processes.Process(target=die_at, args=(str(home), call, step))
        process.start()
        await asyncio.to_thread(process.join)
        if call != "ensure_gone":
            assert (await machines.ensure_running(ID, TEMPLATE)).running
            assert (files(home) / "file").read_text() in ("then", "now")
        await CALLS[call](machines)

        if call in ("snapshot", "restore"):
            (files(home) / "file").write_text("after")
            assert await machines.snapshot(ID, SNAPSHOT) == len("then")
            await machines.restore(ID, TEMPLATE, SNAPSHOT, UUID(int=99))
            assert (files(home) / "file").read_text() == "then"
            left = {str(ID), f"{ID}.json", "epochs", "snapshots", "tmux.sock"}
            assert {path.name for path in files(home).parent.iterdir()} <= left
        await machines.ensure_gone(ID)
        assert not list(home.rglob(f"*{ID}*")) and not environments(ID)
        machines.close()
        if process.exitcode == 0:  # the call has fewer steps
            break
        assert process.exitcode == -signal.SIGKILL
    assert step > 3


# -- terminals and processes --------------------------------------------------------------------------------


@needs_tmux
async def test_a_terminal_is_attached_to_as_the_connection_says(machines: LocalMachines, home: Path) -> None:
    connection = (await machines.ensure_running(ID, TEMPLATE)).connection
    assert connection == {
        "directory": str(files(home)),
        "terminal": f"tmux -S {home}/machines/tmux.sock attach -t {ID}",
    }
    await machines.ensure_stopped(ID)
    stopped = await machines.find(ID)
    assert stopped and stopped.connection == {"directory": str(files(home)), "terminal": None}


@needs_tmux
async def test_a_shell_is_at_home_and_knows_nothing_of_us(
    machines: LocalMachines, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TENURE_DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "a secret")
    await machines.ensure_running(ID, TEMPLATE)
    # tmux answers before it has started the shell.
    shells = await eventually(lambda: asyncio.to_thread(environments, ID))
    assert all(environment["HOME"] == environment["PWD"] == str(files(home)) for environment in shells)
    assert not [environment for environment in shells if "a secret" in environment.values()]
    assert not [name for environment in shells for name in environment if name.startswith("TENURE")]


@needs_tmux
async def test_a_process_that_left_its_session_ends_with_the_machine(machines: LocalMachines, home: Path) -> None:
    await machines.ensure_running(ID, TEMPLATE)
    # It has its own session and parent, ignores signals, and writes to a pipe when it is ready.
    stubborn = "(setsid sh -c 'trap \"\" HUP TERM; mkfifo ready; echo > ready; while :; do sleep 9; done' &)"
    socket = str(home / "machines" / "tmux.sock")
    subprocess.run(["tmux", "-S", socket, "send-keys", "-t", str(ID), stubborn, "Enter"], check=True)
    async with asyncio.timeout(20):
        while not (files(home) / "ready").exists():
            await asyncio.sleep(0.02)
    await asyncio.to_thread((files(home) / "ready").read_text)
    assert len(environments(ID)) >= 2
    await machines.ensure_stopped(ID)
    assert environments(ID) == []
    assert (files(home) / "ready").exists()


@needs_tmux
async def test_one_machines_end_is_not_anothers(machines: LocalMachines) -> None:
    other = UUID(int=5)
    await machines.ensure_running(ID, TEMPLATE)
    await machines.ensure_running(other, TEMPLATE)
    await machines.ensure_gone(ID)
    assert [(machine.workspace_id, machine.running) for machine in await machines.all()] == [(other, True)]
    assert environments(other)


@needs_tmux
async def test_a_home_too_long_for_a_socket_has_its_socket_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    machines = LocalMachines(home, INSTALLATION)
    machine = await machines.ensure_running(ID, TEMPLATE)
    assert machine.running
    command = machine.connection["terminal"]
    assert command
    socket = Path(command.split()[2])
    assert len(os.fsencode(socket)) <= 100 and socket.is_socket()
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    await machines.ensure_gone(ID)
    shutil.rmtree(socket.parent)
    machines.close()


async def test_without_tmux_it_is_a_directory_and_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    machines = LocalMachines(home, INSTALLATION)
    machine = await machines.ensure_running(ID, TEMPLATE)
    assert machine.running and machine.connection == {"directory": str(files(home)), "terminal": None}
    await machines.ensure_stopped(ID)
    stopped = await machines.find(ID)
    assert stopped and not stopped.running and files(home).is_dir()
    assert (await machines.restart(ID)).running
    await machines.ensure_gone(ID)
    assert await machines.all() == []
    machines.close()


# -- files --------------------------------------------------------------------------------------------------


async def test_links_are_never_followed(machines: LocalMachines, home: Path, tmp_path: Path) -> None:
    await machines.ensure_running(ID, TEMPLATE)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("not theirs")
    (files(home) / "link").symlink_to(tmp_path / "outside")
    await machines.snapshot(ID, SNAPSHOT)
    await machines.restore(ID, TEMPLATE, SNAPSHOT, OPERATION)
    assert (files(home) / "link").is_symlink()
    await machines.ensure_gone(ID)
    assert (tmp_path / "outside" / "file").read_text() == "not theirs"


async def test_a_tree_deeper_than_the_stack_is_kept_and_removed(machines: LocalMachines, home: Path) -> None:
    await machines.ensure_running(ID, TEMPLATE)
    deep = files(home).joinpath(*["d"] * 1500)
    await asyncio.to_thread(subprocess.run, ["mkdir", "-p", str(deep)], check=True)
    (deep / "file").write_text("bottom")
    assert await machines.snapshot(ID, SNAPSHOT) == len("bottom")
    await machines.restore(ID, TEMPLATE, SNAPSHOT, OPERATION)
    assert (deep / "file").read_text() == "bottom"
    await machines.ensure_gone(ID)
    assert not list((home / "machines").glob(f"{ID}*"))


async def test_a_home_that_cannot_be_used_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    machines = LocalMachines(tmp_path / "file", INSTALLATION)
    with pytest.raises((EngineRefused, Unavailable), match="cannot be used"):
        await machines.ping()
    with pytest.raises((EngineRefused, Unavailable), match="cannot be used"):
        await machines.ensure_running(ID, TEMPLATE)
    machines.close()


@pytest.mark.fault("F43")
async def test_a_machine_tells_which_log_has_made_it(tmp_path: Path) -> None:
    id = uuid4()
    one, other = (LocalMachines(tmp_path, INSTALLATION, epoch=uuid4()) for _ in range(2))
    try:
        await one.ensure_running(id, TEMPLATE)
        for machines, is_of_this_log in ((one, True), (other, False)):
            machine = await machines.find(id)
            assert machine and machine.is_of_this_log is is_of_this_log
        await one.ensure_gone(id)
        assert list(tmp_path.rglob(f"*{id}*")) == []
    finally:
        one.close()
        other.close()
