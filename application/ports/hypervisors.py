"""What virtual machines need from the world: something that runs them. A machine's id is that of its `VmConfig`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from application.ports.displays import Display
from domain.vm.document import Document

STARTED, STOPPED, CRASHED, UNDEFINED = "started", "stopped", "crashed", "undefined"
LOST, FOUND = "lost", "found"


@dataclass(frozen=True)
class Fact:
    """Something that happened, whoever did it.

    To a machine of ours: "started", "stopped", "crashed", or "undefined" (forgotten by the hypervisor, which goes on
    running one that runs). To the hypervisor itself (`vm` None): "lost" when it answers no more, "found" when it does
    again: what happened in between is not told, and has to be looked at.
    """

    vm: UUID | None
    what: str


class Hypervisor(Protocol):
    """Every call converges: asked twice is asked once. Configurations are valid ones.

    All raise `Unavailable` while the hypervisor does not answer, also where there is none.
    """

    @property
    def absent(self) -> str | None:
        """Why there is none here, however long one waits. None: there is one, though it may be away."""
        ...

    async def ping(self) -> None:
        """Return if it answers."""
        ...

    async def ensure_running(self, vm: UUID, config: Document) -> None:
        """It runs; one that runs already is left as it is.

        Raises `EngineRefused` where this host cannot do that; the message names the device and field at fault, if any.
        """
        ...

    async def ensure_stopped(self, vm: UUID) -> None:
        """It is off, as by its power switch. One that is off, or not known, is fine."""
        ...

    async def ensure_gone(self, vm: UUID) -> None:
        """It is off, and nothing is left of it but its images."""
        ...

    async def change(self, vm: UUID, before: Document, after: Document) -> bool:
        """Change a machine that runs as far as that can be; one that does not is left alone.

        Returns whether it takes a restart for the rest.
        """
        ...

    async def running(self) -> frozenset[UUID]:
        """Those of this installation that run."""
        ...

    def facts(self) -> AsyncIterator[Fact]:
        """What happens to machines of this installation from now on, as it happens: told by the hypervisor, not asked.

        It goes on while the hypervisor is away, and looks for it; it ends with who reads it.
        """
        ...

    async def screenshot(self, vm: UUID) -> bytes:
        """What its display shows, as a PNG in its own size. `NotFound` where it does not run, or has no display."""
        ...

    def watch(self, vm: UUID) -> AbstractAsyncContextManager[Display]:
        """Its display. `NotFound` where it does not run, or has none."""
        ...

    async def close(self) -> None:
        """Let go of it; machines go on."""
        ...
