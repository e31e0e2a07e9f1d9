"""Runs a tmux server for one test."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from application.ports.terminals import Address
from infra.tmux.hosts import LocalTmuxHost
from infra.tmux.terminals import TmuxTerminals
from infra.tmux.watch import TmuxWatch
from infra.tmux.watch_pool import TmuxWatchPool
from tests.support.server import eventually


class Tmux:
    """Sessions run `sh` without a prompt, unless another program is given."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    def __call__(self, *command: str, check: bool = True) -> str:
        result = subprocess.run(
            ["tmux", "-u", "-f", "/dev/null", "-S", str(self.socket), *command],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "PS1": "", "SHELL": "/bin/sh"},
            capture_output=True,
            text=True,
            check=check,
        )
        return result.stdout

    def session(self, name: str = "main", *program: str) -> str:
        """A new session of 80 columns and 24 lines. Returns its id."""
        return self(
            "new-session", "-d", "-x", "80", "-y", "24", "-s", name, "-P", "-F", "#{session_id}", *(program or ("sh",))
        ).strip()

    def screen(self, name: str = "main") -> str:
        return self("capture-pane", "-p", "-t", name)

    def kill(self) -> None:
        self("kill-server", check=False)


@contextmanager
def tmux_server() -> Iterator[Tmux]:
    """Run a tmux server in a temporary directory. Its path is short: a socket's has at most 107 bytes."""
    with TemporaryDirectory(prefix="tmux") as folder:
        server = Tmux(Path(folder) / "s")
        try:
            yield server
        finally:
            server.kill()


@asynccontextmanager
async def terminals_of(server: Tmux) -> AsyncIterator[TmuxTerminals]:
    watch_pool = TmuxWatchPool(TmuxWatch(LocalTmuxHost(str(server.socket))))
    terminals = TmuxTerminals(watch_pool, lambda: datetime.now(UTC))
    watching = asyncio.create_task(watch_pool.run())
    try:
        yield terminals
    finally:
        await terminals.close()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def address(terminals: TmuxTerminals, name: str = "main") -> Address:
    """The address of a session, once it is observed."""

    async def seen_address() -> Address | None:
        for session in terminals.watch_pool.own_host.state.sessions:
            if session.name == name:
                return Address(session.host, session.server, session.tmux_id, session.created_at)
        return None

    found_address: Address = await eventually(seen_address)
    return found_address


async def drawn(tmux: Tmux, data: str, file: Path) -> str:
    """The screen of a terminal of 80 columns and 24 lines after this data is written to it, as tmux draws it."""
    async with drawing(tmux, data, file):
        return tmux.screen("drawn")


@asynccontextmanager
async def drawing(tmux: Tmux, data: str, file: Path, lines: int = 24, columns: int = 80) -> AsyncIterator[None]:
    """A session "drawn" whose terminal of this size has been written this data, until the block is left."""
    file.write_bytes(data.encode())
    program = ("sh", "-c", 'stty -opost -echo; cat "$0"; tmux wait-for -S drawn; sleep 1000', str(file))
    tmux("new-session", "-d", "-x", str(columns), "-y", str(lines), "-s", "drawn", *program)
    try:
        await asyncio.to_thread(tmux, "wait-for", "drawn")
        yield
    finally:
        tmux("kill-session", "-t", "drawn")
