"""Engines that run machines, and what a machine is made from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable
from uuid import UUID

from application.ports.ssh_access import SshAccess
from domain.machine import MachineConnection, MachineEnd


@dataclass(frozen=True)
class Template:
    """What a machine is made from. The engine enforces its limits."""

    name: str
    image: str
    command: tuple[str, ...] | None = None  # None: the image's own command
    memory_mb: int = 1024
    cpus: float = 1.0
    pids: int = 512
    ports: tuple[int, ...] = ()  # TCP ports inside, each published on a port of the host
    disk_mb: int | None = None  # for its files; the connection of a machine says where an engine cannot limit it
    user: str = "tenure"  # the image's account, which the machine's holder logs in to
    # Secrets that are in no event, looked up when a machine is made; left out where a template is printed.
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    network: UUID | None = None  # that some machines have to themselves; None: the one of all others


@dataclass(frozen=True)
class Machine:
    """A machine as its engine shows it now."""

    workspace_id: UUID
    provider_id: str  # the machine's name on the engine, made from the workspace's id
    engine_id: str  # the engine's own id; another one after a re-creation
    running: bool
    connection: MachineConnection = field(default_factory=MachineConnection)
    # The start of this run, in the engine's words; None: it does not run, or is one of a list, which does not tell.
    started_at: str | None = field(default=None, compare=False)
    # Why it does not run; None: it runs, or the engine does not tell.
    end: MachineEnd | None = field(default=None, compare=False)
    # Whether the log in use has made it, as its label says. False: made by an original of which this log is a copy, or
    # after the moment that this log was rolled back to.
    is_of_this_log: bool = True


@dataclass(frozen=True)
class Network:
    """A network that some machines have to themselves, as its engine shows it now."""

    id: UUID  # of the workshop that it was made for
    engine_id: str
    is_of_this_log: bool = True  # as of a machine


@dataclass(frozen=True)
class MachineChange:
    """Something that has happened to a machine on its engine, whoever caused it. The machine has to be looked at.

    `workspace_id` None: the engine answers (again). What happened before was not reported, and all has to be looked at.
    """

    workspace_id: UUID | None
    end: MachineEnd | None = None  # why it has ended; it may run again by now
    absence: str | None = None  # why there is no machine of its name any more, as a sentence
    is_over: bool = True  # False: more is happening to it just now, and another change follows


@runtime_checkable
class ReportingEngine(Protocol):
    """An engine that reports what happens to its machines. Others are looked at from time to time."""

    def changes(self) -> AsyncGenerator[MachineChange]:
        """What happens from now on; first a change without a machine, once the engine reports.

        The iterator raises `Unavailable` when the engine does not answer, or stops answering.
        """
        ...


class Machines(SshAccess, Protocol):
    """An engine that runs machines. Every call converges: made twice, it has the effect of one.

    All raise `Unavailable` while the engine does not answer, and `EngineRefused` where it refuses for good.
    """

    provider: str  # "docker", "local": shown to clients
    has_ssh: bool  # whether its machines can be logged in to over SSH
    limitation: str | None  # a sentence for operators: what this engine was seen not to do

    async def ping(self) -> None:
        """Return if the engine answers."""
        ...

    async def has(self, image: str) -> bool:
        """Whether the engine has this image, so that it need not be fetched."""
        ...

    async def ensure_running(self, workspace_id: UUID, template: Template) -> Machine:
        """Create or start the workspace's machine, unless it runs."""
        ...

    async def ensure_stopped(self, workspace_id: UUID) -> None:
        """End the machine's processes; its files stay. Does nothing if there is no machine."""
        ...

    async def restart(self, workspace_id: UUID) -> Machine:
        """Stop and start the machine. `EngineRefused` if there is none."""
        ...

    async def ensure_gone(self, workspace_id: UUID) -> None:
        """Remove the machine, its snapshots, and everything else that was made for the workspace."""
        ...

    async def snapshot(self, workspace_id: UUID, snapshot_id: UUID) -> int:
        """Keep the machine's files as they are now, under this id. Returns the size in bytes.

        `EngineRefused` if there is no machine.
        """
        ...

    async def restore(self, workspace_id: UUID, template: Template, snapshot_id: UUID, operation_id: UUID) -> Machine:
        """Replace the machine by one made from a snapshot, and start it. The same operation twice restores once.

        `EngineRefused` if the workspace has no such snapshot.
        """
        ...

    async def find(self, workspace_id: UUID) -> Machine | None:
        """The machine of a workspace; None if the engine has none."""
        ...

    async def all(self) -> list[Machine]:
        """Every machine of this installation on the engine."""
        ...

    async def networks(self) -> list[Network]:
        """The networks of this installation that some machines have to themselves."""
        ...

    async def ensure_no_network(self, network: UUID) -> None:
        """Remove a network. `Unavailable` while there are machines on it."""
        ...

    def close(self) -> None:
        """Close the connection to the engine; calls that are under way end by themselves."""
        ...
