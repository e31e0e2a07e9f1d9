"""Engines that run machines, and what a machine is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from application.ports.ssh_access import SshAccess
from domain.machine import MachineConnection


@dataclass(frozen=True)
class Template:
    """What a workspace is made from. Limits are hard: the engine enforces them."""

    name: str
    image: str
    command: tuple[str, ...] | None = None  # None: what the image starts by itself
    memory_mb: int = 1024
    cpus: float = 1.0
    pids: int = 512
    ports: tuple[int, ...] = ()  # TCP ports inside, each published on a port of the host
    disk_mb: int | None = None  # of files of its own; where the engine cannot limit that, its machine says so
    user: str = "tenure"  # the account inside that its holder logs in to
    # What no event tells, found out when a machine is made: never shown, where a template is.
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    network: UUID | None = None  # of those that belong together; None: the one of all


@dataclass(frozen=True)
class Machine:
    """A machine as its engine shows it now."""

    workspace_id: UUID
    provider_id: str  # the deterministic name
    engine_id: str  # what the engine calls it; another one after a re-creation
    running: bool
    connection: MachineConnection = field(default_factory=MachineConnection)


class Machines(SshAccess, Protocol):
    """An engine that runs machines. Every call converges: asked twice is asked once, found again by label.

    All raise `Unavailable` while the engine does not answer, and `EngineRefused` where it says no for good.
    """

    provider: str  # "docker", "local": shown to clients

    async def ping(self) -> None:
        """Return if the engine answers."""
        ...

    async def has(self, image: str) -> bool:
        """Whether machines can be made from this image without fetching it."""
        ...

    async def ensure_running(self, workspace_id: UUID, template: Template) -> Machine:
        """The workspace's machine, running: created, started, or found as it is."""
        ...

    async def ensure_stopped(self, workspace_id: UUID) -> None:
        """No process of it runs; its files stay. No machine at all is stopped enough."""
        ...

    async def restart(self, workspace_id: UUID) -> Machine:
        """Stopped and started once more. `EngineRefused` if there is no machine."""
        ...

    async def ensure_gone(self, workspace_id: UUID) -> None:
        """Neither machine nor snapshots of this workspace are left, nor anything else made for it."""
        ...

    async def snapshot(self, workspace_id: UUID, snapshot_id: UUID) -> int:
        """Keep its files as they are now, under this id. Returns the size in bytes."""
        ...

    async def restore(self, workspace_id: UUID, template: Template, snapshot_id: UUID, operation_id: UUID) -> Machine:
        """Its machine made anew from a snapshot, and running. The same operation twice restores once."""
        ...

    async def find(self, workspace_id: UUID) -> Machine | None:
        """The machine of one workspace, if the engine has it."""
        ...

    async def all(self) -> list[Machine]:
        """Every machine on the engine that carries this installation's label."""
        ...

    async def networks(self) -> list[UUID]:
        """Those that were made for machines that belong together, and carry this installation's label."""
        ...

    async def ensure_no_network(self, network: UUID) -> None:
        """It is gone. `Unavailable` while there are machines on it."""
        ...

    def close(self) -> None:
        """Let go of the engine; what is under way there ends by itself."""
        ...
