"""`tenure up`: the database, the background work and the web server, until a signal stops them."""

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
from infra.process.connections import ConnectionLimits, Connections, max_connections, raise_descriptor_limit
from infra.process.http_protocol import HttpProtocol, ServerConfig
from infra.process.shutdown import StopSignals
from infra.process.websocket_protocol import WebSocketProtocol
from infra.runtime.home import CannotStart, claim_home
from infra.settings import Settings
from infra.settings.values import LOOPBACK, split_bind
from infra.wiring.bootstrap import Tenure, running
from interfaces import app as api

POLL_INTERVAL_S = 0.01  # uvicorn does not tell when it has started


class Server(uvicorn.Server):
    """uvicorn's server, which ends streams first (WebSockets with 1001), and only then closes what is still open."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._end_streams()
        # uvicorn's own handler raises the signal again after the shutdown, which would cut off the rest of the ending.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """Yield the URL of the database. The embedded one runs as long as the block, and longer if others use it."""
    if settings.database_url:
        yield settings.database_url
        return
    url = embedded_postgres.start(settings.home)
    embedded_postgres.watch(settings.home)
    try:
        yield url
    finally:
        embedded_postgres.stop(settings.home)


def up(settings: Settings, on_started: Callable[[Tenure], None], signals: StopSignals) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. `on_started` is called once requests are taken. Raises `CannotStart`."""
    logs.configure(settings.log_level, settings.log_format)
    raise_descriptor_limit()
    home = claim_home(settings.home, settings.url) if settings.role != "worker" else None
    try:
        bind = settings.bind if settings.role != "worker" else settings.worker_bind
        listening = open_socket(bind) if bind else None
        with database_url(settings) as url, asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve(settings, url, listening, on_started, signals))
    except (asyncio.CancelledError, CannotStart):
        if not signals.received:
            raise
    finally:
        if home:
            home.release()


async def serve(
    settings: Settings,
    url: str,
    listening: socket.socket | None,
    on_started: Callable[[Tenure], None],
    signals: StopSignals,
) -> None:
    """Serve on the socket `listening`; without one, do the background work only.

    A worker serves only its health and its metrics.
    """
    signals.cancel_on_signal(asyncio.current_task())
    async with running(settings, url) as tenure:
        tune_garbage_collector()
        if listening is None:
            on_started(tenure)
            await asyncio.Event().wait()  # until a signal cancels it
            return
        app = api.build_monitoring(tenure.deps) if settings.role == "worker" else api.build(tenure.deps)
        server = Server(uvicorn_config(app, settings), tenure.hub.close)
        starting = asyncio.create_task(when_started(server, lambda: on_started(tenure)))
        try:
            await server.serve(sockets=[listening])
        finally:
            starting.cancel()


def tune_garbage_collector() -> None:
    """Exempt what the start has made, which stays, from collections, and collect less often.

    Under load, hundreds of requests are under way at any time. Going through all of them at every 700 objects, and
    through every module at each tenth of those, was a fifth of the cost of creating a workspace.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def uvicorn_config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    limits = ConnectionLimits(
        per_address=settings.connections_per_address,
        total=max_connections(),
        head_s=settings.head_seconds,
        stall_s=settings.stall_seconds,
        exempt=(*LOOPBACK, *settings.trusted_proxies),
    )
    config = ServerConfig(
        app,
        http=HttpProtocol,
        ws=WebSocketProtocol,
        lifespan="off",  # nothing in the application starts or ends with the server
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,  # seconds; longer than proxies keep a connection that they may use again
        ws_ping_interval=30,  # seconds
        ws_max_size=settings.max_message_bytes,
        ws_per_message_deflate=False,  # one frame is sent to many readers; compression would cost each of them
        timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
    )
    config.connections = Connections(limits)
    return config


async def when_started(server: uvicorn.Server, call: Callable[[], None]) -> None:
    while not server.started:
        await asyncio.sleep(POLL_INTERVAL_S)
    call()


def open_socket(bind: str) -> socket.socket:
    """Bind to HOST:PORT before anything else is started, so that an address that is taken is reported at once.

    Raises `CannotStart`.
    """
    host, port = split_bind(bind)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named. With it, every answer waits 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, int(port)))
    except OSError as error:
        sock.close()
        raise CannotStart(
            f"{bind} cannot be listened on: {(error.strerror or '').lower()}. "
            "Choose another address with --bind (make run ARGS='--bind 127.0.0.1:3100') or TENURE_BIND; "
            "a worker's is --worker-bind."
        ) from None
    return sock


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None
