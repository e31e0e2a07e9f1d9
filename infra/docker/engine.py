"""Calls of the Docker SDK from an event loop, and the engine's refusals as the ports' errors."""

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

ANSWER_TIMEOUT_S = 60
SLOW_ANSWER_TIMEOUT_S = 900  # for a pull to report progress, for a commit of many files
SLOW_THREADS = 4

RUNTIME_LAYERS = re.compile(r"^.*(?:process caused|start container process|shim task|create failed): ")

CONFLICT_STATUS = 409
SERVER_ERROR_STATUS = 500


class DockerEngine:
    """The engine's API, call by call, in threads of its own. The engine need not answer before the first call.

    Slow calls (pull, commit, wait) have their own threads: they must not keep a machine from starting.
    """

    def __init__(self, base_url: str | None, threads: int, tls: tuple[str, str, str] | None = None) -> None:
        """`base_url` None: the engine of DOCKER_HOST. `tls`: files of the authority, the certificate and its key."""
        self._base_url, self._tls = base_url, tls
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="docker")
        self._slow_pool = ThreadPoolExecutor(SLOW_THREADS, thread_name_prefix="docker-slow")
        self._clients: dict[int, APIClient] = {}

    async def __call__(self, ask: Callable[[APIClient], Any]) -> Any:
        """What `ask` returns. `APIError` if the engine refuses, `Unavailable` if it does not answer."""
        return await self._run(self._pool, ask, ANSWER_TIMEOUT_S)

    async def slowly(self, ask: Callable[[APIClient], Any]) -> Any:
        """The same, for a call that may take minutes."""
        return await self._run(self._slow_pool, ask, SLOW_ANSWER_TIMEOUT_S)

    def close(self) -> None:
        """Drop the calls that wait; the threads end with the calls that run."""
        for pool in (self._pool, self._slow_pool):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, pool: Executor, ask: Callable[[APIClient], Any], timeout_s: int) -> Any:
        return await asyncio.get_running_loop().run_in_executor(pool, self._ask, ask, timeout_s)

    def _ask(self, ask: Callable[[APIClient], Any], timeout_s: int) -> Any:
        try:
            return ask(self._client(timeout_s))
        except APIError:
            raise
        except (DockerException, RequestException, HTTPError, OSError) as error:
            raise Unavailable("docker", "the Docker engine does not answer") from error

    def _client(self, timeout_s: int) -> APIClient:
        # Making a client asks the engine for its version. Two threads may both make one; then one client is kept, and
        # the other serves one call. Under a lock all threads would wait for an engine that hangs.
        if timeout_s not in self._clients:
            settings: dict[str, Any] = {"base_url": self._base_url} if self._base_url else kwargs_from_env()
            self._clients[timeout_s] = APIClient(
                base_url=settings.get("base_url"),
                tls=tls_config(self._tls) if self._tls else settings.get("tls", False),
                version="auto",
                timeout=timeout_s,
                max_pool_size=self._threads,
                use_ssh_client=str(settings.get("base_url", "")).startswith("ssh:"),
            )
        return self._clients[timeout_s]


def tls_config(files: tuple[str, str, str]) -> TLSConfig:
    """TLS from the files of the authority, of our certificate and of its key."""
    authority, certificate, key = files
    return TLSConfig(client_cert=(certificate, key), ca_cert=authority, verify=True)


def if_there(ask: Callable[[APIClient], Any]) -> Callable[[APIClient], Any]:
    """The same call, which returns None where the engine has nothing of that name."""

    def ask_or_none(api: APIClient) -> Any:
        try:
            return ask(api)
        except NotFound:
            return None

    return ask_or_none


def matches(error: APIError, pattern: str) -> bool:
    """Whether the engine's message matches. Its status alone does not tell a missing image from a missing network."""
    return re.search(pattern, str(error.explanation), re.IGNORECASE) is not None


def reason(message: str) -> str:
    """Why the engine refused, without the names of its layers: `exec: "x": executable file not found`."""
    return RUNTIME_LAYERS.sub("", message.strip()).removesuffix(": unknown").rstrip(". ")


@contextmanager
def refusals(attempt: str) -> Iterator[None]:
    """Raise the engine's refusals as errors of the port; `attempt` begins the sentence."""
    try:
        yield
    except APIError as error:
        sentence = f"{attempt}: {reason(str(error.explanation or error))}"
        # The engine answers 500 for its own failures, and for some commands that cannot be run.
        if error.status_code < SERVER_ERROR_STATUS or matches(error, "OCI runtime"):
            raise EngineRefused(sentence) from error
        raise Unavailable("docker", sentence) from error
