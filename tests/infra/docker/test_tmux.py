"""Programs in containers, over the engine's API; and the tmux among them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from docker.models.containers import Container

from infra.docker.execs import DockerExecs, ExecPipe, ExecRefused
from infra.docker.tmux import DockerTmuxHost
from infra.tmux.control import ControlClient
from infra.tmux.hosts import TmuxGone
from tests.support.engines import IMAGE, DockerEngine
from tests.support.server import WAIT_TIMEOUT_S

SOCKET = "/var/run/docker.sock"
HOUR = timedelta(hours=1)
ODD = bytes(range(256)) * 4096  # a megabyte


@pytest.fixture
def container() -> Iterator[Container]:
    engine = DockerEngine()
    container = engine.client.containers.run(IMAGE, ["sleep", "1000"], detach=True)
    try:
        yield container
    finally:
        container.remove(force=True)
        engine.close()


def root(container: Container, *command: str) -> None:
    result = container.exec_run(list(command), user="root")
    assert result.exit_code == 0, result.output


async def echoed(execs: DockerExecs, container: Container) -> bytes:
    """A megabyte of every byte there is, through `cat` and back."""
    _, pipe = await execs.start(str(container.id), "tenure", ["cat"])
    writing = asyncio.create_task(pipe.write(ODD))
    data = b""
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        while len(data) < len(ODD):
            data += await pipe.read(5000)
    await writing
    await pipe.close()
    assert await pipe.read(1) == b""
    return data


async def test_every_byte_comes_back(container: Container) -> None:
    assert await echoed(DockerExecs(None), container) == ODD
    assert await echoed(DockerExecs(f"unix://{SOCKET}"), container) == ODD


@asynccontextmanager
async def forwarded(tls: ssl.SSLContext | None) -> AsyncIterator[int]:
    """A TCP port of the engine's own socket."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        engine_reader, engine_writer = await asyncio.open_unix_connection(SOCKET)
        await asyncio.gather(pump(reader, engine_writer), pump(engine_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_over_tcp(container: Container) -> None:
    async with forwarded(None) as port:
        assert await echoed(DockerExecs(f"tcp://127.0.0.1:{port}"), container) == ODD


def certify(key_file: Path, cert_file: Path) -> None:
    """For this address, by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "engine")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + HOUR)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    pem = serialization.Encoding.PEM
    cert_file.write_bytes(builder.add_extension(address, critical=False).sign(key, hashes.SHA256()).public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(pem, *plain))


async def test_over_tls_with_a_certificate_of_ones_own(
    container: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    certify(key, cert)
    (tmp_path / "ca.pem").write_bytes(cert.read_bytes())
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(cert))
    tls.load_cert_chain(cert, key)
    tls.verify_mode = ssl.CERT_REQUIRED
    async with forwarded(tls) as port:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
        assert await echoed(DockerExecs(None), container) == ODD


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:1", "unix:///nowhere", "ssh://nobody@127.0.0.1"])
async def test_without_an_engine_it_says_so(url: str) -> None:
    with pytest.raises(ExecRefused, match="does not answer"):
        await DockerExecs(url).start("any", "", ["true"])


class Counting(DockerExecs):
    def __init__(self) -> None:
        super().__init__(None)
        self.users: list[str] = []

    async def start(self, container: str, user: str, command: list[str]) -> tuple[str, ExecPipe]:
        self.users.append(user)
        return await super().start(container, user, command)


async def windows(host: DockerTmuxHost) -> list[bytes]:
    """What its terminal has to say of itself, and whose it is."""
    client = ControlClient(await host.open_client(*host.watch_command), lambda message: None)
    hearing = asyncio.create_task(client.run())
    (lines,) = await client.ask("list-sessions -F '#{session_name} #{session_windows} #{session_path}'")
    await client.close()
    await hearing
    return lines


async def test_it_is_the_terminal_of_who_works_there(container: Container) -> None:
    execs, name = Counting(), str(uuid4())
    host = DockerTmuxHost(execs, name, name, str(container.id))
    assert await windows(host) == [f"{name} 1 /workspace".encode()]
    assert await windows(host) == [f"{name} 1 /workspace".encode()]  # made once
    assert execs.users == ["tenure", "tenure"]


async def test_where_nobody_is_called_so_it_is_the_images_own_user(container: Container) -> None:
    root(container, "userdel", "tenure")
    execs, name = Counting(), str(uuid4())
    host = DockerTmuxHost(execs, name, name, str(container.id))
    for _ in range(2):
        assert await windows(host) == [f"{name} 1 /workspace".encode()]
    assert execs.users == ["tenure", "", ""]


@pytest.mark.parametrize("without", ["tmux", "a user and tmux"])
async def test_a_container_without_tmux_is_asked_once(container: Container, without: str) -> None:
    root(container, "mv", "/usr/bin/tmux", "/tmp/tmux")
    if without != "tmux":
        root(container, "userdel", "tenure")
    execs = Counting()
    host = DockerTmuxHost(execs, str(uuid4()), str(uuid4()), str(container.id))
    for _ in range(3):
        with pytest.raises(TmuxGone):
            await host.open_client(*host.watch_command)
    assert len(execs.users) == (1 if without == "tmux" else 2)
    assert host.signature() is None
    waiting = asyncio.create_task(host.wait_for_change(None))
    await asyncio.sleep(0)
    assert not waiting.done()
    root(container, "mv", "/tmp/tmux", "/usr/bin/tmux")
    host.on_restart()  # as when it has been started anew
    await asyncio.wait_for(waiting, WAIT_TIMEOUT_S)
    assert len(await windows(host)) == 1


class Busy(DockerExecs):
    """An engine that cannot start a program now, as runc says it when a container is just coming or going."""

    async def start(self, container: str, user: str, command: list[str]) -> tuple[str, Any]:
        return "exec", Words(b"OCI runtime exec failed: error executing setns process: exit status 1: unknown\r\n")

    async def never_ran(self, id: str) -> bool:
        return True


class Words:
    def __init__(self, words: bytes) -> None:
        self._words = words

    async def read(self, most: int) -> bytes:
        words, self._words = self._words, b""
        return words

    async def close(self) -> None:
        pass


async def test_an_engine_that_cannot_now_is_asked_again() -> None:
    host = DockerTmuxHost(Busy(None), "lab", "lab", "lab")
    with pytest.raises(TmuxGone, match="setns"):
        await host.open_client(*host.watch_command)
    assert host.signature() is not None


async def test_what_stands_in_tmuxs_place_does_not_make_us_root(container: Container) -> None:
    """A program in tmux's place prints the engine's own message about a missing user."""
    root(container, "sh", "-c", "printf '#!/bin/sh\\necho unable to find user tenure\\n' > /usr/bin/tmux")
    execs = Counting()
    host = DockerTmuxHost(execs, str(uuid4()), str(uuid4()), str(container.id))
    with pytest.raises(TmuxGone):
        await host.open_client(*host.watch_command)
    assert execs.users == ["tenure"]


async def test_a_container_that_has_stopped_or_gone_has_none(container: Container) -> None:
    host = DockerTmuxHost(DockerExecs(None), str(uuid4()), str(uuid4()), str(container.id))
    container.kill()
    with pytest.raises(TmuxGone, match="409"):
        await host.open_client(*host.watch_command)
    removed = DockerTmuxHost(DockerExecs(None), str(uuid4()), str(uuid4()), f"tenure-{uuid4()}")
    with pytest.raises(TmuxGone, match="404"):
        await removed.open_client(*removed.watch_command)
    assert host.signature() is not None
