"""`tenure up`: the database, the background half and the web server, together, until they are told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from infra.postgres import embedded as embedded_postgres
from infra.process import logging as logs
from infra.process.http_protocol import HttpProtocol
from infra.process.shutdown import Stopping
from infra.runtime.home import CannotStart, claim
from infra.settings import Settings
from infra.wiring.bootstrap import Tenure, running
from interfaces.http import app as api


class Server(uvicorn.Server):
    """uvicorn's, but streams are let go first, with a word (WebSockets with 1001), before it closes what is open."""

    def __init__(self, config: uvicorn.Config, tenure: Tenure) -> None:
        super().__init__(config)
        self._tenure = tenure

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._tenure.hub.close()
        # uvicorn's own would raise the signal again when it has shut down, and so cut off what is to be ended then.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


@contextmanager
def database_of(settings: Settings) -> Iterator[str]:
    """The URL of the database. The embedded one runs for as long as the block, and longer if others use it."""
    if settings.database_url:
        yield settings.database_url
        return
    url = embedded_postgres.start(settings.home)
    embedded_postgres.watch(settings.home)
    try:
        yield url
    finally:
        embedded_postgres.stop(settings.home)


def up(settings: Settings, tell: Callable[[Tenure], None], stopping: Stopping) -> None:
    """Serve until SIGINT or SIGTERM. `tell` is called when requests are taken. Raises `CannotStart`."""
    logs.configure(settings.log_level, settings.log_format)
    held = claim(settings.home, settings.url) if settings.role != "worker" else None
    try:
        listening = listen(settings) if settings.role != "worker" else None
        with database_of(settings) as url, asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve(settings, url, listening, tell, stopping))
    except (asyncio.CancelledError, CannotStart):
        if not stopping.told:
            raise
    finally:
        if held:
            held.release()


async def serve(
    settings: Settings,
    url: str,
    listening: socket.socket | None,
    tell: Callable[[Tenure], None],
    stopping: Stopping,
) -> None:
    stopping.cancels(asyncio.current_task())
    async with running(settings, url) as tenure:
        settle()
        if listening is None:
            tell(tenure)
            await asyncio.Event().wait()  # until it is cancelled
            return
        config = config_of(api.build(tenure.deps), settings)
        server = Server(config, tenure)
        telling = asyncio.create_task(when_started(server, lambda: tell(tenure)))
        try:
            await server.serve(sockets=[listening])
        finally:
            telling.cancel()


def settle() -> None:
    """Let the garbage collector pass over what the start has made, which stays, and look less often.

    Under load, hundreds of requests are on their way at any time. Going through all of them at every 700 objects,
    and through every module at each tenth of those, was a fifth of what a create costs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def config_of(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves it."""
    return uvicorn.Config(
        app,
        http=HttpProtocol,
        lifespan="off",  # nothing in the application starts or ends with the server
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,  # longer than clients and proxies keep one, or it ends as their next request arrives
        ws_ping_interval=30,
        ws_per_message_deflate=False,  # a frame is made once for all who get it
        timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
    )


async def when_started(server: uvicorn.Server, tell: Callable[[], None]) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    tell()


def listen(settings: Settings) -> socket.socket:
    """The socket, before anything else is started: an address that is taken is said at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on, and every answer waits 40 ms for an acknowledgement.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((settings.host, settings.port))
    except OSError as error:
        sock.close()
        raise CannotStart(
            f"{settings.bind} cannot be listened on: {(error.strerror or '').lower()}. "
            f"Choose another address with TENURE_BIND."
        ) from None
    return sock


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None
