"""`tenure sessions`, run in a pseudo-terminal."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.contracts.asking import running
from tests.contracts.chrote.people import member
from tests.support.engines import opened
from tests.support.server import WAIT_TIMEOUT_S, Served, eventually, served
from tests.support.tmux import Tmux

MAIN = "from infra.process.main import main; main()"


@pytest.fixture
async def place(database: str, tmp_path: Path, tmux: Tmux) -> AsyncIterator[Served]:
    """A Tenure with one tmux session; Olga is the owner."""
    tmux.session("main", "sh", "-c", "echo hello; cat")
    async with served(database, tmp_path, tmux_socket=tmux.socket) as tenure:
        async with member(tenure, "Olga") as olga:

            async def listed() -> bool:
                return bool((await olga.get("/api/sessions")).json()["sessions"])

            await eventually(listed)
        yield tenure


def command(place: Served, *words: str, user: str = "Olga") -> tuple[tuple[str, ...], dict[str, str]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TENURE_")}
    environment |= {"TENURE_URL": place.url, "TENURE_USER": user, "TERM": "xterm"}
    return (sys.executable, "-c", MAIN, "sessions", *words), environment


async def tenure(place: Served, *words: str, user: str = "Olga") -> tuple[int, str, str]:
    argv, environment = command(place, *words, user=user)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*argv, env=environment, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_sessions_are_listed_and_claimed(place: Served) -> None:
    code, out, err = await tenure(place, "list", "--json")
    assert code == 0, err
    assert [session["name"] for session in json.loads(out)] == ["main"]
    code, out, _ = await tenure(place, "claim", "main")
    assert code == 0 and out.startswith("main is yours until 20")
    code, out, err = await tenure(place, "list")
    assert code == 0, err
    assert "main" in out and "by Olga" in out
    assert (await tenure(place, "claim", "main", "--release"))[:2] == (0, "main is free\n")
    code, _, err = await tenure(place, "claim", "nothing")
    assert (code, err) == (1, "Session not found\n")
    code, _, err = await tenure(place, "list", user="Vera")
    assert code == 1 and err.startswith("Vera does not belong there yet")
    code, _, err = await tenure(place, "claim", "main", user="Vera")
    assert (code, err) == (1, "Vera is not let in: invite required\n")
    code, _, err = await tenure(place, "attach", "main")
    assert code == 1 and "needs a terminal" in err


@pytest.mark.fault("F5")
@pytest.mark.parametrize("look", [(), ("--look",)])
async def test_a_session_that_is_not_there_is_a_failure(place: Served, look: tuple[str, ...]) -> None:
    argv, environment = command(place, "attach", "nothing", *look)
    with terminal() as (_, child_fd):
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=environment,
            stdin=child_fd,
            stdout=child_fd,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        _, errors = await asyncio.wait_for(process.communicate(), WAIT_TIMEOUT_S)
        assert process.returncode == 1 and (b"no such session" in errors or b"not found" in errors), errors


class Shell:
    """The near end of a pseudo-terminal of 100 columns and 30 lines."""

    def __init__(self, end: int) -> None:
        self.end, self.output = end, b""
        os.set_blocking(end, False)

    async def until(self, text: str) -> None:
        async def is_shown() -> bool:
            with suppress(BlockingIOError, OSError):
                self.output += os.read(self.end, 65536)
            return text.encode() in self.output

        await eventually(is_shown)
        self.output = self.output.partition(text.encode())[2]

    def type(self, keys: str) -> None:
        os.write(self.end, keys.encode())


@contextmanager
def terminal() -> Iterator[tuple[Shell, int]]:
    parent_fd, child_fd = pty.openpty()
    try:
        os.set_inheritable(child_fd, True)
        fcntl.ioctl(child_fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        yield Shell(parent_fd), child_fd
    finally:
        os.close(parent_fd)
        os.close(child_fd)


async def test_a_session_is_used_in_the_shell(place: Served, tmux: Tmux) -> None:
    argv, environment = command(place, "attach", "main")
    with terminal() as (shell, child_fd):
        process = await asyncio.create_subprocess_exec(
            *argv, env=environment, stdin=child_fd, stdout=child_fd, stderr=child_fd, start_new_session=True
        )
        await shell.until("hello")
        shell.type("typed hé\r")
        await shell.until("typed hé")
        await eventually(lambda: asyncio.to_thread(lambda: tmux.screen().count("typed hé") == 2))
        shell.type("\x03")  # goes there, and ends what runs there: not us
        assert await asyncio.wait_for(process.wait(), WAIT_TIMEOUT_S) == 0
        await shell.until("The session is over")


async def test_the_terminal_of_a_workspace_goes_by_the_workspaces_name(database: str, tmp_path: Path) -> None:
    async with (
        opened("local", tmp_path) as engine,
        served(database, tmp_path, engine.machines) as place,
        member(place, "Olga") as olga,
    ):
        id = (await running(olga, name="lab"))["id"]

        async def listed() -> bool:
            return bool((await olga.get("/api/sessions")).json()["sessions"])

        await eventually(listed)
        code, out, err = await tenure(place, "list")
        assert code == 0, err
        assert out.splitlines()[1].split()[:3] == [id, "lab", "1"]
        argv, environment = command(place, "attach", "lab")
        with terminal() as (shell, child_fd):
            process = await asyncio.create_subprocess_exec(
                *argv, env=environment, stdin=child_fd, stdout=child_fd, stderr=child_fd, start_new_session=True
            )
            await shell.until("\x1b[2J")
            shell.type("echo in-$((6 * 7))\r")
            await shell.until("in-42")
            shell.type("\x1d")
            assert await asyncio.wait_for(process.wait(), WAIT_TIMEOUT_S) == 0
        await running(olga, name="lab")
        code, _, err = await tenure(place, "claim", "lab")
        assert code == 1 and err.startswith("2 of your workspaces are called lab") and id in err


async def test_it_is_left_with_a_key(place: Served, tmux: Tmux) -> None:
    argv, environment = command(place, "attach", "main")
    with terminal() as (shell, child_fd):
        process = await asyncio.create_subprocess_exec(
            *argv, env=environment, stdin=child_fd, stdout=child_fd, stderr=child_fd, start_new_session=True
        )
        await shell.until("hello")
        shell.type("last words\x1d")
        assert await asyncio.wait_for(process.wait(), WAIT_TIMEOUT_S) == 0
        await shell.until("Left.")
    assert "last words" in tmux.screen()
    code, out, _ = await tenure(place, "list", "--json")
    assert json.loads(out)[0]["claim"] is None, "what was claimed to attach is given back"
