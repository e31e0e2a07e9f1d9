"""Steps of process managers: work to do, now or later, and work that is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.region import LOCAL


@dataclass(frozen=True)
class Do:
    """Call `command` for `subject`. Repeated before it is done, it is called once, at the later time."""

    command: str
    subject: UUID
    at: datetime | None = None  # None: now
    region: str | None = None  # of the engine to work on; None: the region of the event's workspace


@dataclass(frozen=True)
class Done:
    """The work is over: it was done, or is no longer needed."""

    command: str
    subject: UUID


@dataclass(frozen=True)
class Park:
    """The work failed too often: do not try it again. Nothing if it was ordered anew after the order that failed."""

    command: str
    subject: UUID
    attempts: int
    error: str  # its kind


@dataclass(frozen=True)
class Retry:
    """Try parked work again, as if it were new. Nothing if it is not parked any more."""

    command: str
    subject: UUID


@dataclass(frozen=True)
class Drop:
    """Parked work is over. Nothing if it is not parked any more."""

    command: str
    subject: UUID


Step = Do | Done | Park | Retry | Drop

# Work on an engine is slow. Without a lane of its own, work on the log would wait behind it.
ENGINE_COMMANDS = frozenset(
    {"workspace.provision", "workspace.clear", "workspace.operate", "workspace.destroy", "orphan.destroy"}
    | {"guest.install", "guest.remove", "workshop.clear", "vm_config.settle", "vm_config.apply"}
)


def lane(command: str, region: str = LOCAL) -> str:
    """The lane of a command: "log", "engine" or "engine:REGION". Each lane bounds how much is under way at once.

    So an engine that is away, or hangs, delays only the work on itself.
    """
    if command not in ENGINE_COMMANDS:
        return "log"
    return "engine" if region == LOCAL else f"engine:{region}"
