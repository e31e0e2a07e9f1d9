"""`Hypervisor` on libvirt and QEMU.

A domain's name tells its installation and machine, and domains are found by that name alone: a domain of somebody else
is never touched, whatever its UUID is.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from application.ports.displays import Display
from application.ports.errors import EngineRefused, Unavailable
from application.ports.hypervisors import CRASHED, FOUND, LOST, STARTED, STOPPED, UNDEFINED, Fact, RunningVm
from domain.errors import NotFound
from domain.vm.document import Document
from infra.libvirt.connection import PART, LibvirtConnection
from infra.libvirt.epoch_mark import epoch_of, with_epoch
from infra.libvirt.live_changes import apply_changes, has_devices_of
from infra.video.vnc_displays import VncDisplays

log = logging.getLogger(__name__)
SHARED_MEMORY = Path("/dev/shm")
MIN_RETRY_PAUSE_S = 0.25  # between attempts to reach a libvirtd that does not answer
MAX_RETRY_PAUSE_S = 1.0
RETRY_PAUSE_FACTOR = 1.5
MAX_REASON_CHARS = 400
INSTALLATION_CHARS = 12
NO_DISPLAY = "this machine has no display"
NOT_RUNNING = "this machine does not run"

# A domain's XML, from a configuration and the domain's name. Raises `EngineRefused` where this host lacks something.
Render = Callable[[Document, str], str]


class LibvirtHypervisor:
    """`Hypervisor` of one libvirtd. Methods that take `conn` block, and run in the connection's threads."""

    absent: str | None = None

    def __init__(self, uri: str, installation: UUID, render: Render, epoch: UUID | None = None) -> None:
        """`Unavailable` without libvirt's SDK. The libvirtd need not answer before the first call.

        `epoch` is that of the log in use. None: the installation has only one.
        """
        self._epoch = str(epoch or installation)
        self._connection = LibvirtConnection(uri, self._on_lifecycle, self._on_loss)
        self._sdk = self._connection.sdk
        self._render = render
        self._prefix = f"tenure-{installation.hex[:INSTALLATION_CHARS]}-"
        self._displays = VncDisplays(self._connect_display)
        self._listeners: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[Fact]]] = []

    # -- commands and questions --------------------------------------------------

    async def ping(self) -> None:
        await self._connection(lambda conn: conn.getLibVersion())

    async def ensure_running(self, vm: UUID, config: Document) -> None:
        xml = with_epoch(self._render(config, self._domain_name(vm)), self._epoch)
        try:
            await self._connection(lambda conn: self._start(conn, vm, xml))
        except self._sdk.libvirtError as error:
            raise EngineRefused(f"it does not start: {reason(error)}") from error

    async def ensure_stopped(self, vm: UUID) -> None:
        await self._ask(lambda conn: self._stop(conn, vm))

    async def ensure_gone(self, vm: UUID) -> None:
        await self._ask(lambda conn: self._remove(conn, vm))

    async def change(self, vm: UUID, before: Document, after: Document) -> bool:
        name = self._domain_name(vm)
        try:
            old_xml, new_xml = self._render(before, name), self._render(after, name)
        except EngineRefused:  # the next start says why
            return vm in await self.running()

        def change(conn: Any) -> bool:
            domain = self._find(conn, vm)
            if domain is None or not domain.isActive():
                return False
            # What is told is what the domain has afterwards: a guest can keep a device that it was asked to give back.
            is_complete = apply_changes(self._sdk, domain, old_xml, new_xml)
            return not (is_complete and has_devices_of(domain, new_xml))

        return bool(await self._ask(change))

    async def running(self) -> frozenset[UUID]:
        def list_running(conn: Any) -> frozenset[UUID]:
            names = [domain.name() for domain in conn.listAllDomains(self._sdk.VIR_CONNECT_LIST_DOMAINS_ACTIVE)]
            return frozenset(vm for name in names if (vm := self._vm_of(name)))

        return frozenset(await self._ask(list_running))

    async def inspect(self, vm: UUID) -> RunningVm | None:
        def inspect(conn: Any) -> RunningVm | None:
            domain = self._find(conn, vm)
            if domain is None or not domain.isActive():
                return None
            run = f"{domain.UUIDString()}/{domain.ID()}"  # libvirt numbers the runs of all domains
            return RunningVm(domain.name(), run, epoch_of(domain.XMLDesc()) == self._epoch)

        running: RunningVm | None = await self._ask(inspect)
        return running

    async def screenshot(self, vm: UUID) -> bytes:
        return bytes(await self._ask(lambda conn: self._screenshot(self._require_running(conn, vm))))

    def watch(self, vm: UUID) -> AbstractAsyncContextManager[Display]:
        return self._displays.watch(vm)

    async def close(self) -> None:
        await self._displays.close()
        await self._connection.close()

    # -- facts -------------------------------------------------------------------

    async def facts(self) -> AsyncIterator[Fact]:
        queue: asyncio.Queue[Fact] = asyncio.Queue()
        listener = (asyncio.get_running_loop(), queue)
        self._listeners.append(listener)
        answers: bool | None = None  # None: not known yet
        pause_s = MIN_RETRY_PAUSE_S
        try:
            while True:
                if answers is not True:
                    answered_before, answers = answers, await self._answers()
                    if answers != answered_before:
                        yield Fact(None, FOUND if answers else LOST)
                    if not answers:
                        await asyncio.sleep(pause_s)
                        pause_s = min(MAX_RETRY_PAUSE_S, pause_s * RETRY_PAUSE_FACTOR)
                        continue
                    pause_s = MIN_RETRY_PAUSE_S
                fact = await queue.get()
                answers = fact.kind != LOST
                yield fact
        finally:
            self._listeners.remove(listener)

    async def _answers(self) -> bool:
        try:
            await self._connection(self._wait_until_settled)
        except (Unavailable, self._sdk.libvirtError):
            return False
        return True

    def _wait_until_settled(self, conn: Any) -> None:
        """Wait until a libvirtd that has just started knows the state of its machines, which it reports by no event."""
        for domain in conn.listAllDomains(self._sdk.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
            if self._vm_of(domain.name()):
                with suppress(self._sdk.libvirtError):
                    domain.memoryStats()  # libvirtd answers once no other job of the domain is under way

    def _on_lifecycle(self, name: str, event: int, detail: int) -> None:
        if (vm := self._vm_of(name)) and (kind := self._fact_kind(event, detail)):
            self._publish(Fact(vm, kind))

    def _fact_kind(self, event: int, detail: int) -> str | None:
        sdk = self._sdk
        if event == sdk.VIR_DOMAIN_EVENT_STOPPED:
            crashes = (sdk.VIR_DOMAIN_EVENT_STOPPED_CRASHED, sdk.VIR_DOMAIN_EVENT_STOPPED_FAILED)
            return CRASHED if detail in crashes else STOPPED
        return {
            sdk.VIR_DOMAIN_EVENT_STARTED: STARTED,
            sdk.VIR_DOMAIN_EVENT_CRASHED: CRASHED,
            sdk.VIR_DOMAIN_EVENT_UNDEFINED: UNDEFINED,
        }.get(event)

    def _on_loss(self) -> None:
        self._publish(Fact(None, LOST))

    def _publish(self, fact: Fact) -> None:
        """Queue a fact for every listener, from any thread."""
        for loop, queue in list(self._listeners):
            if not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, fact)

    # -- calls of the SDK, in threads --------------------------------------------

    async def _ask(self, ask: Callable[[Any], Any]) -> Any:
        """What `ask(conn)` returns. A refusal of libvirt is `Unavailable`: the caller may try again."""
        try:
            return await self._connection(ask)
        except self._sdk.libvirtError as error:
            log.warning("libvirt refuses", extra={"because": reason(error)})
            raise Unavailable(PART, f"libvirt refuses: {reason(error)}") from error

    def _domain_name(self, vm: UUID) -> str:
        return f"{self._prefix}{vm}"

    def _vm_of(self, name: str) -> UUID | None:
        """The machine that a domain's name tells; None for a domain of somebody else."""
        try:
            return UUID(name.removeprefix(self._prefix)) if name.startswith(self._prefix) else None
        except ValueError:
            return None

    def _find(self, conn: Any, vm: UUID) -> Any:
        """The machine's domain, or None."""
        try:
            return conn.lookupByName(self._domain_name(vm))
        except self._sdk.libvirtError as error:
            if error.get_error_code() == self._sdk.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def _require_running(self, conn: Any, vm: UUID) -> Any:
        domain = self._find(conn, vm)
        if domain is None or not domain.isActive():
            raise NotFound(NOT_RUNNING)
        return domain

    def _start(self, conn: Any, vm: UUID, xml: str) -> None:
        domain = self._find(conn, vm)
        if domain is not None and domain.isActive():
            return
        self._undefine(domain)  # a definition of this name with another UUID would stand in the way
        domain = conn.defineXML(xml)
        try:
            domain.create()
        except self._sdk.libvirtError:
            if self._find(conn, vm) is not None and domain.isActive():
                return  # another process has started it meanwhile
            self._undefine(domain)
            raise

    def _stop(self, conn: Any, vm: UUID) -> None:
        domain = self._find(conn, vm)
        try:
            if domain is not None and domain.isActive():
                domain.destroy()
        except self._sdk.libvirtError:
            if self._find(conn, vm) is not None and domain.isActive():
                raise

    def _remove(self, conn: Any, vm: UUID) -> None:
        self._stop(conn, vm)
        self._undefine(self._find(conn, vm))
        (SHARED_MEMORY / self._domain_name(vm)).unlink(missing_ok=True)  # the agent's, which libvirt does not remove

    def _undefine(self, domain: Any) -> None:
        sdk = self._sdk
        if domain is None:
            return
        flags = sdk.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | sdk.VIR_DOMAIN_UNDEFINE_NVRAM
        flags |= sdk.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | sdk.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
        try:
            domain.undefineFlags(flags)
        except sdk.libvirtError as error:
            if error.get_error_code() != sdk.VIR_ERR_NO_DOMAIN:
                raise

    def _screenshot(self, domain: Any) -> bytes:
        stream = domain.connect().newStream()
        picture = bytearray()
        try:
            domain.screenshot(stream, 0)
        except self._sdk.libvirtError as error:
            raise NotFound(NO_DISPLAY if domain.isActive() else NOT_RUNNING) from error
        stream.recvAll(lambda stream, piece, opaque: picture.extend(piece), None)
        stream.finish()
        return bytes(picture)

    async def _connect_display(self, vm: UUID) -> socket.socket:
        """A connection to the machine's VNC server. libvirt passes it on, so it needs neither port nor password."""

        def open_graphics(conn: Any) -> int:
            domain = self._require_running(conn, vm)
            try:
                return int(domain.openGraphicsFD(0, self._sdk.VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH))
            except self._sdk.libvirtError as error:
                raise NotFound(NO_DISPLAY) from error

        return socket.socket(fileno=await self._ask(open_graphics))


def reason(error: Exception) -> str:
    """libvirt's message as one line."""
    return " ".join(str(error).split())[:MAX_REASON_CHARS]
