"""Talking to libvirtd from an event loop: its calls in threads, its events as they come, and itself found again.

Only who talks to a libvirtd loads its SDK, which need not be there.
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

THREADS = 8
KEEPALIVE = (3, 2)  # seconds between signs of life, and how many may be missing
PART = "libvirt"
NO_SDK = "there are no virtual machines here: libvirt's SDK is not installed"
AWAY = "libvirt does not answer"

Heard = Callable[[str, int, int], None]  # a domain's name, and libvirt's event and detail


class Link:
    """One connection, opened when it is first needed, and again after it was lost."""

    def __init__(self, uri: str, heard: Heard, lost: Callable[[], None]) -> None:
        """`heard` and `lost` are called on libvirt's own thread. `Unavailable` without its SDK."""
        self.sdk = sdk()
        self._uri, self._heard, self._lost = uri, heard, lost
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="libvirt")
        self._opening = threading.Lock()
        self._connection: Any = None
        self._closed = False

    async def __call__(self, ask: Callable[[Any], Any]) -> Any:
        """What `ask` returns, given the connection. `libvirtError` if libvirt refuses, `Unavailable` if it is away."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._ask, ask)

    def _ask(self, ask: Callable[[Any], Any]) -> Any:
        connection = self._opened()
        try:
            return ask(connection)
        except self.sdk.libvirtError as error:
            if self._alive(connection):
                raise
            self._drop(connection)
            raise Unavailable(PART, AWAY) from error

    def _opened(self) -> Any:
        with self._opening:
            if self._closed:
                raise Unavailable(PART, AWAY)
            if self._connection is None:
                events(self.sdk)
                try:
                    self._connection = self._open()
                except self.sdk.libvirtError as error:
                    raise Unavailable(PART, AWAY) from error
            return self._connection

    def _open(self) -> Any:
        connection = self.sdk.open(self._uri)
        try:
            connection.setKeepAlive(*KEEPALIVE)
            connection.registerCloseCallback(self._on_close, None)
            lifecycle = self.sdk.VIR_DOMAIN_EVENT_ID_LIFECYCLE
            connection.domainEventRegisterAny(None, lifecycle, self._on_lifecycle, None)
        except self.sdk.libvirtError:
            connection.close()
            raise
        return connection

    def _alive(self, connection: Any) -> bool:
        try:
            return bool(connection.isAlive())
        except self.sdk.libvirtError:
            return False

    def _on_lifecycle(self, _: Any, domain: Any, event: int, detail: int, __: Any) -> None:
        self._heard(domain.name(), event, detail)

    def _on_close(self, connection: Any, *_: Any) -> None:
        # In a thread of its own: libvirt waits for this to return, and closing waits for libvirt.
        threading.Thread(target=self._drop, args=(connection,), daemon=True).start()

    def _drop(self, connection: Any) -> None:
        """It is of no use any more."""
        with self._opening:
            if connection is None or connection is not self._connection:
                return
            self._connection = None
        self._lost()
        self._let_go(connection)

    def _let_go(self, connection: Any) -> None:
        with suppress(self.sdk.libvirtError):
            connection.unregisterCloseCallback()
        with suppress(self.sdk.libvirtError):
            connection.close()

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._opening:
            self._closed, connection, self._connection = True, self._connection, None
        if connection is not None:
            self._let_go(connection)
        self._pool.shutdown(wait=False, cancel_futures=True)


def sdk() -> Any:
    try:
        return importlib.import_module("libvirt")
    except ImportError as absent:
        raise Unavailable(PART, NO_SDK, retry_after=3600) from absent


LOOP = threading.Lock()
LOOPS: list[threading.Thread] = []  # none or one in a process: libvirt has a single event loop


def events(sdk: Any) -> None:
    """Have libvirt's events served; before the first connection is opened."""
    with LOOP:
        if LOOPS:
            return
        sdk.registerErrorHandler(lambda *_: None, None)  # errors are raised as well; it need not print them
        sdk.virEventRegisterDefaultImpl()
        sdk.virEventAddTimeout(1000, lambda *_: None, None)  # so that it always has something to wait for

        def serve() -> None:
            while True:
                with suppress(sdk.libvirtError):
                    sdk.virEventRunDefaultImpl()

        LOOPS.append(threading.Thread(target=serve, name="libvirt-events", daemon=True))
        LOOPS[0].start()
