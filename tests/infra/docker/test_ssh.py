"""OpenSSH's client logs in to the workspace image over the published loopback port."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.engines import TEMPLATE, DockerEngine, lacking, opened

INSTALL_KEY = 'umask 077; mkdir -p .ssh; printf "%s\\n" "$1" > .ssh/authorized_keys'


@pytest.fixture
async def engine() -> AsyncIterator[DockerEngine]:
    if not shutil.which("ssh") or not shutil.which("ssh-keygen"):
        lacking("ssh", "there is no ssh client")
    async with opened("docker", Path()) as engine:
        assert isinstance(engine, DockerEngine)
        yield engine


async def greeting(port: int) -> bytes:
    """The server's first line. The port may accept connections before sshd listens behind it: so it is tried again."""
    async with asyncio.timeout(20):
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                if line := await reader.readline():
                    return line
            except ConnectionError:
                pass
            finally:
                writer.close()
            await asyncio.sleep(0.02)


def ssh(port: int, key: Path, *command: str) -> subprocess.CompletedProcess[str]:
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": "10",
        "IdentitiesOnly": "yes",
        "LogLevel": "ERROR",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
    }
    option_words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    command_line = ["ssh", "-F", "none", *option_words, "-i", str(key), "-p", str(port), *command]
    return subprocess.run(command_line, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)


async def test_a_key_opens_the_machine_and_a_terminal_in_it(engine: DockerEngine, tmp_path: Path) -> None:
    id, key, stranger = uuid4(), tmp_path / "key", tmp_path / "stranger"
    for path in (key, stranger):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
        subprocess.run(make, check=True)
    machine = await engine.machines.ensure_running(id, TEMPLATE)
    public = key.with_suffix(".pub").read_text().strip()
    engine.inside(id, "sh", "-c", INSTALL_KEY, "sh", public)
    port = machine.connection["ports"]["22"]
    assert (await greeting(port)).startswith(b"SSH-2.0-")

    result = await asyncio.to_thread(ssh, port, key, "tenure@127.0.0.1", "whoami; pwd; hostname")
    assert result.stdout.split() == ["tenure", "/workspace", id.hex[:12]], result.stderr
    shared = ["-tt", "tenure@127.0.0.1", "tty && tmux new-session -d -s shared && tmux list-sessions"]
    result = await asyncio.to_thread(ssh, port, key, *shared)
    assert result.returncode == 0 and "/dev/pts/" in result.stdout and "shared: 1 windows" in result.stdout

    assert (await asyncio.to_thread(ssh, port, stranger, "tenure@127.0.0.1", "true")).returncode == 255
    assert (await asyncio.to_thread(ssh, port, key, "root@127.0.0.1", "true")).returncode == 255


async def test_every_machine_has_host_keys_of_its_own(engine: DockerEngine) -> None:
    keys = set()
    for id in (uuid4(), uuid4()):
        machine = await engine.machines.ensure_running(id, TEMPLATE)
        await greeting(machine.connection["ports"]["22"])
        keys.add(engine.inside(id, "cat", "/etc/ssh/ssh_host_ed25519_key.pub"))
    assert len(keys) == 2
