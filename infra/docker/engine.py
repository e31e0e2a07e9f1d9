"""Talking to a Docker engine from an event loop, and saying plainly what it refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from docker import APIClient
from docker.errors import APIError, DockerException, NotFound
from docker.tls import TLSConfig
from docker.utils import kwargs_from_env
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from application.ports.errors import EngineRefused, Unavailable

SECONDS = 60  # for an answer to most questions
PATIENT_SECONDS = 900  # for a pull to say anything new, for a commit of many files
PATIENT_THREADS = 4

LAYERS = re.compile(r"^.*(?:process caused|start container process|shim task|create failed): ")

CONFLICT = 409


class DockerEngine:
    """The engine's own API, call by call, in threads that are nobody else's.

    What takes long by nature (pulling, committing, waiting) has threads of its own, so that it cannot keep a
    machine from starting. The engine need not be there before the first call.
    """

    def __init__(self, base_url: str | None, threads: int, tls: tuple[str, str, str] | None = None) -> None:
        self._base_url, self._tls = base_url, tls
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="docker")
        self._patient_pool = ThreadPoolExecutor(PATIENT_THREADS, thread_name_prefix="docker-patient")
        self._clients: dict[int, APIClient] = {}

    async def __call__(self, ask: Callable[[APIClient], Any]) -> Any:
        """What `ask` returns. `APIError` if the engine refuses, `Unavailable` if it does not answer."""
        return await self._run(self._pool, ask, SECONDS)

    async def patiently(self, ask: Callable[[APIClient], Any]) -> Any:
        """The same, for what may take minutes."""
        return await self._run(self._patient_pool, ask, PATIENT_SECONDS)

    def close(self) -> None:
        """Let the threads end with what they are doing."""
        for pool in (self._pool, self._patient_pool):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, pool: Executor, ask: Callable[[APIClient], Any], seconds: int) -> Any:
        return await asyncio.get_running_loop().run_in_executor(pool, self._ask, ask, seconds)

    def _ask(self, ask: Callable[[APIClient], Any], seconds: int) -> Any:
        try:
            return ask(self._client(seconds))
        except APIError:
            raise
        except (DockerException, RequestException, HTTPError, OSError) as error:
            raise Unavailable("docker", "the Docker engine does not answer") from error

    def _client(self, seconds: int) -> APIClient:
        # Making one asks the engine for its version. Two threads may both be first; one client is then
        # kept, the other serves one call. A lock would make all of them wait for an engine that hangs.
        if seconds not in self._clients:
            where: dict[str, Any] = {"base_url": self._base_url} if self._base_url else kwargs_from_env()
            if self._tls:
                where["tls"] = tls_config(self._tls)
            self._clients[seconds] = APIClient(
                **where,
                version="auto",
                timeout=seconds,
                max_pool_size=self._threads,
                use_ssh_client=str(where.get("base_url", "")).startswith("ssh:"),
            )
        return self._clients[seconds]


def tls_config(files: tuple[str, str, str]) -> TLSConfig:
    """From the files of the authority, of our certificate and of its key."""
    authority, certificate, key = files
    return TLSConfig(client_cert=(certificate, key), ca_cert=authority, verify=True)


def if_there(ask: Callable[[APIClient], Any]) -> Callable[[APIClient], Any]:
    """The same question, answered with None where there is nothing of that name."""

    def asked(api: APIClient) -> Any:
        try:
            return ask(api)
        except NotFound:
            return None

    return asked


def says(error: APIError, pattern: str) -> bool:
    """Whether the engine's words match; its status does not tell a missing image from a missing network."""
    return re.search(pattern, str(error.explanation), re.IGNORECASE) is not None


def reason(words: str) -> str:
    """Why the engine refused, without the layers it came through: `exec: "x": executable file not found`."""
    return LAYERS.sub("", words.strip()).removesuffix(": unknown").rstrip(". ")


@contextmanager
def refusals(attempt: str) -> Iterator[None]:
    """Turns what the engine refuses into the words of the port; `attempt` begins the sentence."""
    try:
        yield
    except APIError as error:
        sentence = f"{attempt}: {reason(str(error.explanation or error))}"
        # The engine answers 500 for its own troubles, and at times for a command that cannot be run.
        if error.status_code < 500 or says(error, "OCI runtime"):
            raise EngineRefused(sentence) from error
        raise Unavailable("docker", sentence) from error
