"""Programs that the Docker engine runs inside containers, over its HTTP API without threads.

Sources: "Exec" in the Docker Engine API reference, and the stream format under "Attach to a container".
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from typing import Any, TypedDict

import httpcore
import httpx
from docker.errors import DockerException
from docker.tls import TLSConfig
from docker.utils import kwargs_from_env, parse_host

from infra.docker.engine import tls_config

ANSWER_TIMEOUT_S = 20.0
WRITE_TIMEOUT_S = 10.0  # the connection to a program that takes nothing for so long is closed
READ_BYTES = 1 << 16
FRAME_HEADER_BYTES = 8
MAX_ERROR_CHARS = 500
UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}
WORKSPACE_USER = "tenure"  # the account of our own image
NO_SUCH_USER = "unable to find user"  # the engine's words where an image has no such account
NEVER_RAN_CODES = (126, 127)  # exit codes, as a shell gives them: not executable, not found
CONNECTION_ENDED = (httpcore.NetworkError, httpcore.TimeoutException)


class ExecRefused(Exception):
    """The engine does not run the program, or does not answer. The message is the engine's."""


class ExecConfig(TypedDict):
    """The body of "Create an exec instance" in the Docker Engine API."""

    AttachStdin: bool
    AttachStdout: bool
    AttachStderr: bool
    Tty: bool
    User: str
    Cmd: list[str]


class ExecStart(TypedDict):
    """The body of "Start an exec instance" in the Docker Engine API."""

    Detach: bool
    Tty: bool


class DockerExecs:
    """Starts programs inside the containers of one engine, which need not answer before the first call."""

    def __init__(self, base_url: str | None, tls: tuple[str, str, str] | None = None) -> None:
        """`base_url` None: the engine of DOCKER_HOST. `tls`: files of the authority, the certificate and its key."""
        self._base_url, self._tls = base_url, tls
        self._client: httpx.AsyncClient | None = None

    async def start(self, container: str, user: str, command: list[str]) -> tuple[str, ExecPipe]:
        """The exec's id, and the program's input and output. `user` "" is the image's own. Raises `ExecRefused`."""
        config = ExecConfig(AttachStdin=True, AttachStdout=True, AttachStderr=True, Tty=False, User=user, Cmd=command)
        answer = await self._send("POST", f"/containers/{container}/exec", config)
        id = str(answer.json()["Id"])
        start = ExecStart(Detach=False, Tty=False)
        return id, ExecPipe(await self._send("POST", f"/exec/{id}/start", start, upgrade=True))

    async def never_ran(self, id: str) -> bool:
        """Whether the exec has ended without a process: there is no such program, or no such user."""
        state = (await self._send("GET", f"/exec/{id}/json")).json()
        return not state["Running"] and not state["Pid"] and state["ExitCode"] in NEVER_RAN_CODES

    async def _send(
        self, method: str, path: str, body: ExecConfig | ExecStart | None = None, upgrade: bool = False
    ) -> httpx.Response:
        """The engine's answer, read whole; with `upgrade` instead a connection that carries a program's bytes."""
        try:
            if self._client is None:
                self._client = http_client(self._base_url, self._tls)
            request = self._client.build_request(method, path, json=body, headers=UPGRADE if upgrade else None)
            answer = await self._client.send(request, stream=True)
            if answer.status_code != httpx.codes.SWITCHING_PROTOCOLS:
                try:
                    await answer.aread()
                finally:
                    await answer.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, DockerException, OSError) as error:
            raise ExecRefused(f"the Docker engine does not answer: {error}") from error
        if answer.is_error or (upgrade and answer.is_success):
            raise ExecRefused(f"the Docker engine says no ({answer.status_code}): {answer.text[:MAX_ERROR_CHARS]}")
        return answer


class ExecPipe:
    """The input and output of a program. Its output comes in frames: a header of 8 bytes, and the bytes it counts."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self._stream: Any = answer.extensions["network_stream"]
        self._write_lock = asyncio.Lock()
        self._buffer = b""
        self._frame_bytes_left = 0

    async def read(self, max_bytes: int) -> bytes:
        """The next bytes of standard output or error; empty once the program has ended."""
        try:
            while not self._frame_bytes_left:
                while len(self._buffer) < FRAME_HEADER_BYTES:
                    if not (data := await self._stream.read(READ_BYTES)):
                        return b""
                    self._buffer += data
                (self._frame_bytes_left,) = struct.unpack(">4xL", self._buffer[:FRAME_HEADER_BYTES])
                self._buffer = self._buffer[FRAME_HEADER_BYTES:]
            data = self._buffer or await self._stream.read(READ_BYTES)
        except CONNECTION_ENDED:
            return b""
        max_bytes = min(max_bytes, self._frame_bytes_left)
        data, self._buffer = data[:max_bytes], data[max_bytes:]
        self._frame_bytes_left -= len(data)
        return bytes(data)

    async def write(self, data: bytes) -> None:
        """Send all of it to the program's input. `OSError` if it has ended, or takes nothing."""
        try:
            async with self._write_lock:
                await self._stream.write(data, timeout=WRITE_TIMEOUT_S)
        except CONNECTION_ENDED as error:
            await self._answer.aclose()  # a program that got half a command must not get the next one
            raise OSError("the program in the container takes nothing any more") from error

    async def close(self) -> None:
        """Close the connection; the engine then ends the program's input."""
        with contextlib.suppress(*CONNECTION_ENDED, httpx.HTTPError):
            await self._answer.aclose()


def http_client(base_url: str | None, tls_files: tuple[str, str, str] | None = None) -> httpx.AsyncClient:
    """A client of the engine at a URL; None: of the engine that the SDK finds in DOCKER_HOST and its kin."""
    environment = {} if base_url else kwargs_from_env()
    tls: TLSConfig | None = tls_config(tls_files) if tls_files else environment.get("tls")
    url = parse_host(base_url or environment.get("base_url"), tls=bool(tls))
    socket_path = None
    if url.startswith("http+unix://"):
        socket_path, url = url.removeprefix("http+unix://"), "http://docker"
    verify: ssl.SSLContext | bool = True
    if tls:
        verify = ssl.create_default_context(cafile=tls.ca_cert or None)
        if tls.cert:
            verify.load_cert_chain(*tls.cert)
        if tls.verify is False:
            verify.check_hostname, verify.verify_mode = False, ssl.CERT_NONE
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    transport = httpx.AsyncHTTPTransport(uds=socket_path, verify=verify, limits=limits)
    return httpx.AsyncClient(transport=transport, base_url=url, timeout=ANSWER_TIMEOUT_S)
