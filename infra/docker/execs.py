"""Programs that the Docker engine runs inside containers, spoken to over its API without threads.

See "Exec" in the Docker Engine API, and the stream format under "Attach to a container".
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from typing import Any

import httpcore
import httpx
from docker.errors import DockerException
from docker.utils import kwargs_from_env, parse_host

from infra.docker.engine import tls_config

ANSWER_SECONDS = 20.0
WRITE_SECONDS = 10.0  # until a program that takes nothing is let go
PIECE = 1 << 16
WENT = (httpcore.NetworkError, httpcore.TimeoutException)


class ExecRefused(Exception):
    """The engine does not run it, or does not answer. The message is the engine's."""


class DockerExecs:
    """The engine need not be there before the first call."""

    def __init__(self, base_url: str | None, tls: tuple[str, str, str] | None = None) -> None:
        self._base_url, self._tls = base_url, tls
        self._client: httpx.AsyncClient | None = None

    async def start(self, container: str, user: str, command: list[str]) -> tuple[str, ExecPipe]:
        """The exec's id, and its ends. `user` "": whoever the image says."""
        how = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": False}
        made = await self._ask("POST", f"/containers/{container}/exec", {**how, "User": user, "Cmd": command})
        id = str(made.json()["Id"])
        upgrade = {"Connection": "Upgrade", "Upgrade": "tcp"}
        started = await self._ask("POST", f"/exec/{id}/start", {"Detach": False, "Tty": False}, **upgrade)
        return id, ExecPipe(started)

    async def never_ran(self, id: str) -> bool:
        """Whether it has ended without a process: there is no such program, or no such user."""
        told = (await self._ask("GET", f"/exec/{id}/json")).json()
        return not told["Running"] and not told["Pid"] and told["ExitCode"] in (126, 127)

    async def _ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """An answer that is read whole, unless the connection was switched to another protocol."""
        try:
            if self._client is None:
                self._client = client_of(self._base_url, self._tls)
            request = self._client.build_request(method, path, json=body, headers=headers)
            answer = await self._client.send(request, stream=True)
            if answer.status_code != httpx.codes.SWITCHING_PROTOCOLS:
                try:
                    await answer.aread()
                finally:
                    await answer.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, DockerException, OSError) as error:
            raise ExecRefused(f"the Docker engine does not answer: {error}") from error
        if answer.is_error or ("Upgrade" in headers and answer.is_success):
            raise ExecRefused(f"the Docker engine says no ({answer.status_code}): {answer.text[:500]}")
        return answer


class ExecPipe:
    """Both ends of a program: what it writes comes in frames, a head of 8 bytes and so many more."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self._stream: Any = answer.extensions["network_stream"]
        self._writing = asyncio.Lock()
        self._got = b""
        self._left = 0  # bytes of the frame that we are in

    async def read(self, most: int) -> bytes:
        """Empty: it has ended."""
        try:
            while not self._left:
                while len(self._got) < 8:
                    if not (more := await self._stream.read(PIECE)):
                        return b""
                    self._got += more
                (self._left,) = struct.unpack(">4xL", self._got[:8])
                self._got = self._got[8:]
            data = self._got or await self._stream.read(PIECE)
        except WENT:
            return b""
        most = min(most, self._left)
        data, self._got = data[:most], data[most:]
        self._left -= len(data)
        return bytes(data)

    async def write(self, data: bytes) -> None:
        """`OSError` if it has ended, or takes nothing."""
        try:
            async with self._writing:
                await self._stream.write(data, timeout=WRITE_SECONDS)
        except WENT as gone:
            await self._answer.aclose()  # half a command is worse than none
            raise OSError("the program in the container takes nothing any more") from gone

    async def close(self) -> None:
        """The engine then ends its input."""
        with contextlib.suppress(*WENT, httpx.HTTPError):
            await self._answer.aclose()


def client_of(base_url: str | None, files: tuple[str, str, str] | None = None) -> httpx.AsyncClient:
    """To the engine that a URL names; None: that of DOCKER_HOST and its kin, as the SDK reads them."""
    given: dict[str, Any] = {"base_url": base_url} if base_url else kwargs_from_env()
    tls = tls_config(files) if files else given.get("tls")
    url = parse_host(given.get("base_url"), tls=bool(tls))
    uds = None
    if url.startswith("http+unix://"):
        uds, url = url.removeprefix("http+unix://"), "http://docker"
    verify: ssl.SSLContext | bool = True
    if tls:
        verify = ssl.create_default_context(cafile=tls.ca_cert or None)
        if tls.cert:
            verify.load_cert_chain(*tls.cert)
        if tls.verify is False:
            verify.check_hostname, verify.verify_mode = False, ssl.CERT_NONE
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    transport = httpx.AsyncHTTPTransport(uds=uds, verify=verify, limits=limits)
    return httpx.AsyncClient(transport=transport, base_url=url, timeout=ANSWER_SECONDS)
