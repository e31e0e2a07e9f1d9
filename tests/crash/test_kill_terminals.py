"""Killed with -9 while terminals are watched, on the host and in a container: tmux goes on as if nobody had watched."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
import pytest
from docker.models.containers import Container

from tests.contracts.asking import fine, running
from tests.contracts.chrote.people import sign_in
from tests.contracts.chrote.terminals import socket
from tests.support.engines import IMAGE, DockerEngine
from tests.support.processes import ROOT, spawned
from tests.support.server import WAIT_TIMEOUT_S, eventually
from tests.support.tmux import Tmux

ROUNDS, WATCHERS, LIVES = 9, 5, 5  # 50 kills in all: watchers in rounds, and the whole of Tenure
BUSY = "i=0; while i=$((i+200)); do seq $i $((i+200)); sleep 0.05; done"  # more than a pipe holds, soon


class Terminals:
    """A session of the host that writes without end, and one inside a container."""

    def __init__(self, tmux: Tmux, container: Container, session_name: str) -> None:
        self.tmux, self.container, self.session_name = tmux, container, session_name

    def inside(self, *command: str) -> str:
        """Run tmux in the container."""
        result = self.container.exec_run(["timeout", "5", "tmux", *command], user="tenure")
        assert result.exit_code == 0, f"tmux in the container: {result.exit_code} {result.output.decode()}"
        return str(result.output.decode())

    def clients(self) -> list[str]:
        """The command lines of control clients that are there."""
        lines = [" ".join(line) for process in psutil.process_iter() if (line := command_line(process))]
        on_host = [line for line in lines if str(self.tmux.socket) in line and " -C " in line]
        # A tmux server goes by the command line of the client that has started it, but no shell stands around that.
        in_container = [process[-1] for process in self.container.top()["Processes"] if process[-1].startswith("sh -c")]
        return on_host + [line for line in in_container if " -C " in line]

    def attached(self) -> str:
        """The clients that both tmux servers list."""
        return self.tmux("list-clients") + self.inside("list-clients")

    async def are_unharmed(self) -> None:
        """No client is left, and each pane goes on writing."""
        try:
            await eventually(self._have_no_client)
        except AssertionError:
            raise AssertionError(f"clients stay: {self.clients()}, {self.attached()}") from None
        for capture in (self._screen, self._screen_inside):
            before = await asyncio.to_thread(capture)

            async def has_moved(capture: Any = capture, before: str = before) -> bool:
                return bool(await asyncio.to_thread(capture) != before)

            await eventually(has_moved)

    async def _have_no_client(self) -> bool:
        return not await asyncio.to_thread(self.clients) and not await asyncio.to_thread(self.attached)

    def _screen(self) -> str:
        return self.tmux.screen()

    def _screen_inside(self) -> str:
        return self.inside("capture-pane", "-p", "-t", f"={self.session_name}:")


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture
def engine(database: str) -> Iterator[DockerEngine]:
    engine = DockerEngine()
    yield engine
    with psycopg.connect(database) as conn:
        engine.installations.update(id for (id,) in conn.execute("select id from installation"))
    engine.close()


@pytest.fixture
def container() -> Iterator[Container]:
    engine = DockerEngine()
    container = engine.client.containers.run(IMAGE, ["sleep", "1000"], detach=True, network_mode="none")
    try:
        yield container
    finally:
        container.remove(force=True)
        engine.close()


@asynccontextmanager
async def watchers(terminals: Terminals) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process that starts watchers."""
    arguments = (str(terminals.tmux.socket), str(terminals.container.id), terminals.session_name)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.crash.terminal_watcher", *arguments), cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    try:
        yield process
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


async def kill_some(starter: asyncio.subprocess.Process) -> None:
    """Start as many watchers as a round has, and kill them once all of them watch."""
    assert starter.stdin and starter.stdout
    starter.stdin.write(b"x" * WATCHERS)
    async with asyncio.timeout(WAIT_TIMEOUT_S * 2):
        pids = [int(await starter.stdout.readline()) for _ in range(WATCHERS)]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.fault("F48")
async def test_no_client_stays_and_tmux_goes_on(tmux: Tmux, container: Container) -> None:
    # given
    tmux.session("main", "sh", "-c", BUSY)
    terminals = Terminals(tmux, container, str(uuid4()))
    terminals.inside("new-session", "-d", "-s", terminals.session_name, "sh", "-c", BUSY)
    async with watchers(terminals) as starter:
        for _ in range(ROUNDS):
            # when
            await kill_some(starter)
            # then
            await terminals.are_unharmed()


async def are_listed(client: httpx.AsyncClient, *names: str) -> bool:
    sessions = fine(await client.get("/api/sessions"))["sessions"]
    return set(names) <= {session["id"] for session in sessions}


@pytest.mark.fault("F48")
async def test_tenure_dies_and_tmux_goes_on(database: str, tmp_path: Path, tmux: Tmux, engine: DockerEngine) -> None:
    tmux.session("main", "sh", "-c", BUSY)
    settings: dict[str, Any] = {"machines": "docker", "workspace_image": IMAGE, "tmux_socket": tmux.socket}
    terminals: Terminals | None = None
    for _ in range(LIVES):
        # given
        async with (
            spawned(database, tmp_path / "home", **settings) as tenure,
            httpx.AsyncClient(base_url=tenure.url, timeout=WAIT_TIMEOUT_S) as olga,
        ):
            await sign_in(olga, "Olga")
            if terminals is None:
                id = (await running(olga))["id"]
                terminals = Terminals(tmux, engine.container(UUID(id)), id)
            await eventually(partial(are_listed, olga, "main", terminals.session_name))
            async with (
                socket(tenure.url, olga, "/ws/terminal/main") as on_host,
                socket(tenure.url, olga, f"/ws/terminal/{terminals.session_name}") as inside,
            ):
                await inside.until("output")
                await on_host.until_shown("00\r\n")
                # when
                tenure.kill()
                await tenure.has_died()
        # then
        if "seq" not in terminals.inside("list-panes", "-a", "-F", "#{pane_start_command}"):
            terminals.inside("respawn-pane", "-k", "-t", f"={terminals.session_name}:", "sh", "-c", BUSY)
        await terminals.are_unharmed()
