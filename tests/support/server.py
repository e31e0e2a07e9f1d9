"""A whole Tenure in this process: real PostgreSQL, real HTTP on a loopback port, and an engine in memory."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from httpx_sse import ServerSentEvent, aconnect_sse

from application.ports.errors import Unavailable
from application.ports.hypervisors import Hypervisor
from application.ports.machines import Machines
from application.ports.regions import Region
from infra.process.server import uvicorn_config
from infra.settings import Settings
from infra.wiring.bootstrap import Overrides, Tenure, running
from interfaces import app as api
from tests.support.fake_engine import Engine
from tests.support.fake_hypervisor import FakeHypervisor
from tests.support.secrets import Recorder

WAIT_TIMEOUT_S = 20.0  # seconds that a test waits for a fact
TURNS = 50  # of the loop, in which it is noticed that a client has left


@dataclass(frozen=True)
class Served:
    tenure: Tenure
    url: str
    engine: Any  # the `Engine`, unless another was given
    hypervisor: Any  # the `FakeHypervisor`, unless another was given
    web: uvicorn.Server

    def client(self, user: str | None = "alice", **headers: str) -> httpx.AsyncClient:
        identity = {"x-user": user, **headers} if user else headers
        return httpx.AsyncClient(base_url=self.url, headers=identity, timeout=WAIT_TIMEOUT_S)


class Server(uvicorn.Server):
    """uvicorn's looks ten times a second whether it is to end, and waits as long when nobody is connected any more.

    Thousands of tests would wait for that. How a Tenure ends is tried in tests/interfaces/cli/test_up.py.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.leaving = asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state = self.server_state
        for _ in range(TURNS):
            if not (state.connections or state.tasks):
                break
            await asyncio.sleep(0)
        else:
            await super().shutdown(sockets)
            return
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        await self.lifespan.shutdown()


@asynccontextmanager
async def served(
    database: str,
    home: Path,
    engine: Machines | None = None,
    port: int = 0,
    open_region: Callable[[Region], Machines] | None = None,
    hypervisor: Hypervisor | None = None,
    reconciles: bool = True,
    listen_on: str = "127.0.0.1",
    checks_secrets: bool = True,
    **settings: Any,
) -> AsyncIterator[Served]:
    """Serve on a loopback address, or on `listen_on` (`port` 0: any that is free), until the block is left.

    `settings` are those of `Settings`. A `bind` among them is believed, and not listened on. `open_region` opens the
    engines of other regions than the local one. A test that calls `tenure.sweep.run_once()` or
    `tenure.idle_sessions.run_once()` serves without `reconciles`: else they also run by themselves, and one that runs
    makes another do nothing. One that sends passwords which are ordinary words serves without `checks_secrets`.
    """
    engine, hypervisor = engine or Engine(), hypervisor or FakeHypervisor()
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((listen_on, port))
    address = f"127.0.0.1:{listening.getsockname()[1]}"
    settings.setdefault("requests_per_hour", 1_000_000)  # tests ask more often than people
    settings.setdefault("tmux_socket", home / "no-tmux")  # never that of who runs the tests
    chosen = Settings(**{"bind": address, "home": home, "shutdown_seconds": 1, **settings})
    overrides = Overrides(machines=engine, open_region=open_region, hypervisor=hypervisor, reconciles=reconciles)
    async with running(chosen, database, overrides) as tenure:
        recorder = Recorder()
        logging.getLogger().addHandler(recorder)
        server = Server(uvicorn_config(recorder.watch(api.build(tenure.deps)), chosen))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            yield Served(tenure, f"http://{address}", engine, hypervisor, server)
            with suppress(Unavailable):  # a test may have taken its database away
                if checks_secrets:
                    await recorder.check(tenure.pool)
        finally:
            logging.getLogger().removeHandler(recorder)
            tenure.hub.close()
            server.leaving.set()
            await serving


async def eventually(fact: Callable[[], Awaitable[Any]], seconds: float = WAIT_TIMEOUT_S) -> Any:
    """Poll until the fact is truthy, and return it. Fails with the last value after so many seconds."""
    result = None
    try:
        async with asyncio.timeout(seconds):
            while not (result := await fact()):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"it never came to hold; last seen: {result!r}") from None
    return result


@asynccontextmanager
async def stream(client: httpx.AsyncClient, **params: Any) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
    """Follow the event stream over SSE, after its `ready` event or from position `after` on."""
    async with aconnect_sse(client, "GET", "/api/v1/events", params=params, timeout=WAIT_TIMEOUT_S) as source:
        events = source.aiter_sse()
        if "after" not in params:
            assert (await anext(events)).event == "ready"
        yield events


async def until(events: AsyncIterator[ServerSentEvent], kind: str) -> dict[str, Any]:
    """Read on to the first event of this kind, and return its data."""
    async with asyncio.timeout(WAIT_TIMEOUT_S):
        async for event in events:
            if event.event == kind:
                data: dict[str, Any] = json.loads(event.data)
                return data
    raise AssertionError(f"the stream ended before a {kind}")
