"""What a process manager says: do this, now or when it is due; or: that is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.region import LOCAL


@dataclass(frozen=True)
class Do:
    """Call `command` about `subject`. Asked again before it is done, it is asked once, with the later time."""

    command: str
    subject: UUID
    at: datetime | None = None  # None: now
    region: str | None = None  # whose engine it is work on; None: that of the workspace that the event is about


@dataclass(frozen=True)
class Done:
    """It needs no doing any more, whether it was done or has become pointless."""

    command: str
    subject: UUID


Step = Do | Done

# Work on an engine takes its time: it has a lane of its own, so that what is due in the log never waits behind it.
ENGINE = frozenset(
    {"workspace.provision", "workspace.clear", "workspace.operate", "workspace.destroy", "orphan.destroy"}
    | {"guest.install", "guest.remove", "workshop.clear", "vm_config.settle", "vm_config.apply"}
)


def lane(command: str, region: str = LOCAL) -> str:
    """ "log", "engine" or "engine:REGION": each lane has its own bound on how much is under way at once.

    An engine that is away, or hangs, holds up nothing but what is to be done on it.
    """
    if command not in ENGINE:
        return "log"
    return "engine" if region == LOCAL else f"engine:{region}"
