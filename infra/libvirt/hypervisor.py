"""`Hypervisor`: libvirt, and QEMU below it.

A domain of ours goes by a name that tells the installation and the machine. It is looked for by that name alone, so
that a domain of somebody else's is never touched, whatever its UUID is.
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
from application.ports.hypervisors import CRASHED, FOUND, LOST, STARTED, STOPPED, UNDEFINED, Fact
from domain.errors import NotFound
from domain.vm.document import Document
from infra.libvirt.connection import PART, Link
from infra.libvirt.live_changes import changed
from infra.video.vnc_displays import Consoles

log = logging.getLogger(__name__)
SHARED = Path("/dev/shm")
AGAIN, LATER = 0.25, 1.0  # seconds until a libvirtd that is away is looked for again: at first, and at most
NO_DISPLAY = "this machine has no display"

# A domain's XML, from a configuration and the domain's name. `EngineRefused` where this host lacks something.
Render = Callable[[Document, str], str]


class LibvirtHypervisor:
    absent: str | None = None

    def __init__(self, uri: str, installation: UUID, render: Render) -> None:
        """`Unavailable` without libvirt's SDK. A libvirtd need not be there before the first call."""
        self._link = Link(uri, self._heard, self._lost)
        self._sdk = self._link.sdk
        self._render = render
        self._prefix = f"tenure-{installation.hex[:12]}-"
        self._consoles = Consoles(self._plugged)
        self._ears: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[Fact]]] = []

    # -- what is asked -----------------------------------------------------------

    async def ping(self) -> None:
        await self._link(lambda conn: conn.getLibVersion())

    async def ensure_running(self, vm: UUID, config: Document) -> None:
        xml = self._render(config, self._name(vm))
        try:
            await self._link(lambda conn: self._start(conn, vm, xml))
        except self._sdk.libvirtError as error:
            raise EngineRefused(f"it does not start: {reason(error)}") from error

    async def ensure_stopped(self, vm: UUID) -> None:
        await self._asked(lambda conn: self._stop(conn, vm))

    async def ensure_gone(self, vm: UUID) -> None:
        await self._asked(lambda conn: self._remove(conn, vm))

    async def change(self, vm: UUID, before: Document, after: Document) -> bool:
        name = self._name(vm)
        try:
            was, becomes = self._render(before, name), self._render(after, name)
        except EngineRefused:  # and when it is started again, that is what is said
            return vm in await self.running()

        def change(conn: Any) -> bool:
            domain = self._find(conn, vm)
            return bool(domain and domain.isActive() and not changed(self._sdk, domain, was, becomes))

        return bool(await self._asked(change))

    async def running(self) -> frozenset[UUID]:
        def look(conn: Any) -> frozenset[UUID]:
            names = [it.name() for it in conn.listAllDomains(self._sdk.VIR_CONNECT_LIST_DOMAINS_ACTIVE)]
            return frozenset(vm for name in names if (vm := self._vm(name)))

        return frozenset(await self._asked(look))

    async def screenshot(self, vm: UUID) -> bytes:
        return bytes(await self._asked(lambda conn: self._picture(self._running(conn, vm))))

    def watch(self, vm: UUID) -> AbstractAsyncContextManager[Display]:
        return self._consoles.watch(vm)

    async def close(self) -> None:
        await self._consoles.close()
        await self._link.close()

    # -- what happens ------------------------------------------------------------

    async def facts(self) -> AsyncIterator[Fact]:
        queue: asyncio.Queue[Fact] = asyncio.Queue()
        ear = (asyncio.get_running_loop(), queue)
        self._ears.append(ear)
        here: bool | None = None  # not looked yet
        pause = AGAIN
        try:
            while True:
                if here is not True:
                    found = await self._answers()
                    if found != here:
                        here = found
                        yield Fact(None, FOUND if found else LOST)
                    if not here:
                        await asyncio.sleep(pause)
                        pause = min(LATER, pause * 1.5)
                        continue
                    pause = AGAIN
                fact = await queue.get()
                here = fact.what != LOST
                yield fact
        finally:
            self._ears.remove(ear)

    async def _answers(self) -> bool:
        try:
            await self._link(self._settle)
        except (Unavailable, self._sdk.libvirtError):
            return False
        return True

    def _settle(self, conn: Any) -> None:
        """Until a libvirtd that has just begun knows what became of its machines: of that it tells nothing."""
        for domain in conn.listAllDomains(self._sdk.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
            if self._vm(domain.name()):
                with suppress(self._sdk.libvirtError):
                    domain.memoryStats()  # it is answered when nothing else is under way with it

    def _heard(self, name: str, event: int, detail: int) -> None:
        if (vm := self._vm(name)) and (what := self._what(event, detail)):
            self._tell(Fact(vm, what))

    def _what(self, event: int, detail: int) -> str | None:
        sdk = self._sdk
        if event == sdk.VIR_DOMAIN_EVENT_STOPPED:
            bad = (sdk.VIR_DOMAIN_EVENT_STOPPED_CRASHED, sdk.VIR_DOMAIN_EVENT_STOPPED_FAILED)
            return CRASHED if detail in bad else STOPPED
        return {
            sdk.VIR_DOMAIN_EVENT_STARTED: STARTED,
            sdk.VIR_DOMAIN_EVENT_CRASHED: CRASHED,
            sdk.VIR_DOMAIN_EVENT_UNDEFINED: UNDEFINED,
        }.get(event)

    def _lost(self) -> None:
        self._tell(Fact(None, LOST))

    def _tell(self, fact: Fact) -> None:
        for loop, queue in list(self._ears):
            if not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, fact)

    # -- below: in threads -------------------------------------------------------

    async def _asked(self, ask: Callable[[Any], Any]) -> Any:
        """What libvirt refuses for no fault of the asker's is something to try again."""
        try:
            return await self._link(ask)
        except self._sdk.libvirtError as error:
            log.warning("libvirt refuses", extra={"because": reason(error)})
            raise Unavailable(PART, f"libvirt refuses: {reason(error)}") from error

    def _name(self, vm: UUID) -> str:
        return f"{self._prefix}{vm}"

    def _vm(self, name: str) -> UUID | None:
        try:
            return UUID(name.removeprefix(self._prefix)) if name.startswith(self._prefix) else None
        except ValueError:
            return None

    def _find(self, conn: Any, vm: UUID) -> Any:
        """None if there is none."""
        try:
            return conn.lookupByName(self._name(vm))
        except self._sdk.libvirtError as error:
            if error.get_error_code() == self._sdk.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def _running(self, conn: Any, vm: UUID) -> Any:
        domain = self._find(conn, vm)
        if domain is None or not domain.isActive():
            raise NotFound("this machine does not run")
        return domain

    def _start(self, conn: Any, vm: UUID, xml: str) -> None:
        domain = self._find(conn, vm)
        if domain is not None and domain.isActive():
            return
        self._undefine(domain)  # it may have another UUID now, under which it could not be defined again
        domain = conn.defineXML(xml)
        try:
            domain.create()
        except self._sdk.libvirtError:
            if self._find(conn, vm) is not None and domain.isActive():
                return  # somebody else was faster
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
        (SHARED / self._name(vm)).unlink(missing_ok=True)  # of the agent; libvirt leaves it

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

    def _picture(self, domain: Any) -> bytes:
        stream = domain.connect().newStream()
        picture = bytearray()
        try:
            domain.screenshot(stream, 0)
        except self._sdk.libvirtError as error:
            raise NotFound(NO_DISPLAY if domain.isActive() else "this machine does not run") from error
        stream.recvAll(lambda _, piece, __: picture.extend(piece), None)
        stream.finish()
        return bytes(picture)

    async def _plugged(self, vm: UUID) -> socket.socket:
        """A connection to the display: it comes from libvirt, so that it needs no port and no password."""

        def open_graphics(conn: Any) -> int:
            domain = self._running(conn, vm)
            try:
                return int(domain.openGraphicsFD(0, self._sdk.VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH))
            except self._sdk.libvirtError as error:
                raise NotFound(NO_DISPLAY) from error

        return socket.socket(fileno=await self._asked(open_graphics))


def reason(error: Exception) -> str:
    """What libvirt says, as one line."""
    return " ".join(str(error).split())[:400]
