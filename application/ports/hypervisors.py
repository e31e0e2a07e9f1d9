"""The hypervisor that runs virtual machines. A machine's id is that of its `VmConfig`."""

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
    """Something that happened to a machine or to the hypervisor, whoever caused it.

    Of a machine: "started", "stopped", "crashed", or "undefined" (the hypervisor has dropped its definition; a machine
    that runs goes on). Of the hypervisor (`vm` None): "lost" when it stops answering, "found" when it answers again.
    What happened in between is not reported, and has to be looked at.
    """

    vm: UUID | None
    kind: str


@dataclass(frozen=True)
class RunningVm:
    """A machine that runs, as the hypervisor shows it now."""

    provider_id: str  # its name there
    engine_id: str  # another one after each start
    is_of_this_log: bool = True  # whether the log in use has started it, as its description says


class Hypervisor(Protocol):
    """Every call converges: made twice, it has the effect of one. Configurations are valid ones.

    All raise `Unavailable` while the hypervisor does not answer, also where there is none.
    """

    @property
    def absent(self) -> str | None:
        """Why there is no hypervisor, as a sentence. None: there is one, though it may not answer now."""
        ...

    async def ping(self) -> None:
        """Return if the hypervisor answers."""
        ...

    async def ensure_running(self, vm: UUID, config: Document) -> None:
        """Start the machine; one that runs already is left as it is.

        Raises `EngineRefused` where this host cannot do that; the message names the device and field at fault, if any.
        """
        ...

    async def ensure_stopped(self, vm: UUID) -> None:
        """Switch the machine off, as by its power switch. One that is off, or unknown, is fine."""
        ...

    async def ensure_gone(self, vm: UUID) -> None:
        """Switch the machine off, and remove everything of it but its images."""
        ...

    async def change(self, vm: UUID, before: Document, after: Document) -> bool:
        """Change a running machine as far as that can be; one that is off is left alone.

        Returns whether the rest needs a restart: whether the machine that runs still differs, whatever was tried.
        """
        ...

    async def running(self) -> frozenset[UUID]:
        """The machines of this installation that run."""
        ...

    async def inspect(self, vm: UUID) -> RunningVm | None:
        """One machine of this installation; None if it does not run."""
        ...

    def facts(self) -> AsyncIterator[Fact]:
        """What happens from now on to the hypervisor and to machines of this installation, as it is reported.

        The iterator goes on while the hypervisor does not answer, and tries to reach it.
        """
        ...

    async def screenshot(self, vm: UUID) -> bytes:
        """The machine's display as a PNG in its own size. `NotFound` where it does not run, or has no display."""
        ...

    def watch(self, vm: UUID) -> AbstractAsyncContextManager[Display]:
        """The machine's display. `NotFound` where it does not run, or has none."""
        ...

    async def close(self) -> None:
        """Close the connection to the hypervisor; machines go on."""
        ...
