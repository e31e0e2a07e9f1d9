"""A connection to libvirtd for an event loop: calls in threads, events as they come, reconnection after a loss.

The SDK is imported when a connection is made: it need not be installed. Source: libvirt's API reference,
libvirt-event, libvirt-host and libvirt-domain.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from application.ports.errors import Unavailable

MAX_THREADS = 8
KEEPALIVE_INTERVAL_S = 3
MAX_MISSED_KEEPALIVES = 2
EVENT_LOOP_TIMEOUT_MS = 1000
SDK_RETRY_AFTER_S = 3600
PART = "libvirt"
NO_SDK = "there are no virtual machines here: libvirt's SDK is not installed"
NOT_ANSWERING = "libvirt does not answer"

OnLifecycle = Callable[[str, int, int], None]  # a domain's name, and libvirt's event and detail


class LibvirtConnection:
    """One connection, opened when it is first needed, and again after it was lost."""

    def __init__(self, uri: str, on_lifecycle: OnLifecycle, on_loss: Callable[[], None]) -> None:
        """The callbacks run on libvirt's own thread. `Unavailable` without libvirt's SDK."""
        self.sdk = import_sdk()
        self._uri, self._on_lifecycle, self._on_loss = uri, on_lifecycle, on_loss
        self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="libvirt")
        self._lock = threading.Lock()
        self._connection: Any = None
        self._is_closed = False

    async def __call__(self, ask: Callable[[Any], Any]) -> Any:
        """What `ask(connection)` returns. `libvirtError` if libvirt refuses, `Unavailable` if it does not answer."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._ask, ask)

    def _ask(self, ask: Callable[[Any], Any]) -> Any:
        connection = self._get_open()
        try:
            return ask(connection)
        except self.sdk.libvirtError as error:
            if self._is_alive(connection):
                raise
            self._drop(connection)
            raise Unavailable(PART, NOT_ANSWERING) from error

    def _get_open(self) -> Any:
        with self._lock:
            if self._is_closed:
                raise Unavailable(PART, NOT_ANSWERING)
            if self._connection is None:
                ensure_event_loop(self.sdk)
                try:
                    self._connection = self._open()
                except self.sdk.libvirtError as error:
                    raise Unavailable(PART, NOT_ANSWERING) from error
            return self._connection

    def _open(self) -> Any:
        connection = self.sdk.open(self._uri)
        try:
            connection.setKeepAlive(KEEPALIVE_INTERVAL_S, MAX_MISSED_KEEPALIVES)
            connection.registerCloseCallback(self._handle_close, None)
            lifecycle = self.sdk.VIR_DOMAIN_EVENT_ID_LIFECYCLE
            connection.domainEventRegisterAny(None, lifecycle, self._handle_lifecycle, None)
        except self.sdk.libvirtError:
            connection.close()
            raise
        return connection

    def _is_alive(self, connection: Any) -> bool:
        try:
            return bool(connection.isAlive())
        except self.sdk.libvirtError:
            return False

    def _handle_lifecycle(self, connection: Any, domain: Any, event: int, detail: int, opaque: Any) -> None:
        self._on_lifecycle(domain.name(), event, detail)

    def _handle_close(self, connection: Any, reason: int, opaque: Any) -> None:
        # In its own thread: libvirt waits for this callback, and closing waits for libvirt.
        threading.Thread(target=self._drop, args=(connection,), daemon=True).start()

    def _drop(self, connection: Any) -> None:
        """Forget a connection that was lost; the next call opens another."""
        with self._lock:
            if connection is None or connection is not self._connection:
                return
            self._connection = None
        self._on_loss()
        self._close_connection(connection)

    def _close_connection(self, connection: Any) -> None:
        with suppress(self.sdk.libvirtError):
            connection.unregisterCloseCallback()
        with suppress(self.sdk.libvirtError):
            connection.close()

    async def close(self) -> None:
        """Close for good: later calls raise `Unavailable`."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            self._is_closed, connection, self._connection = True, self._connection, None
        if connection is not None:
            self._close_connection(connection)
        self._pool.shutdown(wait=False, cancel_futures=True)


def import_sdk() -> Any:
    """The module `libvirt`. `Unavailable` if it is not installed."""
    try:
        return importlib.import_module("libvirt")
    except ImportError as error:
        raise Unavailable(PART, NO_SDK, SDK_RETRY_AFTER_S) from error


EVENT_LOOP_LOCK = threading.Lock()
EVENT_LOOP_THREADS: list[threading.Thread] = []  # none or one: libvirt has a single event loop in a process


def ensure_event_loop(sdk: Any) -> None:
    """Start the thread that serves libvirt's events. Connections opened before it would never get any."""
    with EVENT_LOOP_LOCK:
        if EVENT_LOOP_THREADS:
            return
        sdk.registerErrorHandler(lambda *_: None, None)  # errors are raised as well, and need not be printed
        sdk.virEventRegisterDefaultImpl()
        sdk.virEventAddTimeout(EVENT_LOOP_TIMEOUT_MS, lambda *_: None, None)  # without a timer it might wait for good

        def serve() -> None:
            while True:
                with suppress(sdk.libvirtError):
                    sdk.virEventRunDefaultImpl()

        EVENT_LOOP_THREADS.append(threading.Thread(target=serve, name="libvirt-events", daemon=True))
        EVENT_LOOP_THREADS[0].start()
