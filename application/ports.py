"""What the application needs from the world. `infra/` provides it; tests provide worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


class Unavailable(Exception):
    """A part of the world does not answer now. Whatever was asked may be asked again, later.

    `part` names it for people ("database", "docker"); `retry_after` is in seconds.
    """

    def __init__(self, part: str, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.part = part
        self.retry_after = retry_after


class Impossible(Exception):
    """The world answered, and it is no. Asking again will not help; the message says why, for people."""


class Clock(Protocol):
    """The time, aware and in UTC."""

    def __call__(self) -> datetime: ...


class Ids(Protocol):
    """A new id that nobody can guess."""

    def __call__(self) -> UUID: ...


class People(Protocol):
    """Who is behind a credential. Names are kept here, never in events; deleting a person deletes the rows."""

    async def identify(self, scheme: str, subject: str) -> UUID:
        """The user whom this identity belongs to. One who is seen for the first time is made known."""
        ...

    async def find(self, scheme: str, subject: str) -> UUID | None:
        """The user whom this identity belongs to, if it is known."""
        ...

    async def names(self, scheme: str, user_ids: Sequence[UUID]) -> dict[UUID, str]:
        """What these users are called under a scheme; who has no such identity is left out."""
        ...


@dataclass(frozen=True)
class Template:
    """What a workspace is made from. Limits are hard: the engine enforces them."""

    name: str
    image: str
    command: tuple[str, ...] | None = None  # None: what the image starts by itself
    memory_mb: int = 1024
    cpus: float = 1.0
    pids: int = 512
    ports: tuple[int, ...] = ()  # TCP ports inside, each published on a loopback port of the host


@dataclass(frozen=True)
class Machine:
    """A machine as its engine shows it now."""

    workspace_id: UUID
    provider_id: str  # the deterministic name
    engine_id: str  # what the engine calls it; another one after a re-creation
    running: bool
    connection: dict[str, Any] = field(default_factory=dict)  # how to reach it; JSON values only


class Machines(Protocol):
    """An engine that runs machines. Every call converges: asked twice is asked once, found again by label.

    All raise `Unavailable` while the engine does not answer, and `Impossible` where it says no for good.
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
        """Stopped and started once more. `Impossible` if there is no machine."""
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

    def close(self) -> None:
        """Let go of the engine; what is under way there ends by itself."""
        ...
