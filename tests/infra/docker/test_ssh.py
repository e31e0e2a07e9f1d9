"""A person's own ssh client, into the workspace image, over the published loopback port."""

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
    """What the server says first, once it does: the port is open before anybody listens behind it."""
    async with asyncio.timeout(20):
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                if said := await reader.readline():
                    return said
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
    given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    asked = ["ssh", "-F", "none", *given, "-i", str(key), "-p", str(port), *command]
    return subprocess.run(asked, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)


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

    said = await asyncio.to_thread(ssh, port, key, "tenure@127.0.0.1", "whoami; pwd; hostname")
    assert said.stdout.split() == ["tenure", "/workspace", id.hex[:12]], said.stderr
    shared = ["-tt", "tenure@127.0.0.1", "tty && tmux new-session -d -s shared && tmux list-sessions"]
    said = await asyncio.to_thread(ssh, port, key, *shared)
    assert said.returncode == 0 and "/dev/pts/" in said.stdout and "shared: 1 windows" in said.stdout

    assert (await asyncio.to_thread(ssh, port, stranger, "tenure@127.0.0.1", "true")).returncode == 255
    assert (await asyncio.to_thread(ssh, port, key, "root@127.0.0.1", "true")).returncode == 255


async def test_every_machine_has_host_keys_of_its_own(engine: DockerEngine) -> None:
    keys = set()
    for id in (uuid4(), uuid4()):
        machine = await engine.machines.ensure_running(id, TEMPLATE)
        await greeting(machine.connection["ports"]["22"])
        keys.add(engine.inside(id, "cat", "/etc/ssh/ssh_host_ed25519_key.pub"))
    assert len(keys) == 2
