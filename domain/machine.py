"""A lent machine's life: the states it can be in, and what can be done to it in each."""

from __future__ import annotations

from enum import StrEnum

from domain.errors import Conflict


class Status(StrEnum):
    CREATING = "creating"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    ENDED = "ended"  # not lent any more; the machine may still be on its way out


class Operation(StrEnum):
    """What can be under way on a machine that is there, one at a time."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    SNAPSHOT = "snapshot"
    RESTORE = "restore"


REQUIRED_STATUSES = {
    Operation.START: (Status.STOPPED,),
    Operation.STOP: (Status.RUNNING,),
    Operation.RESTART: (Status.RUNNING,),
    Operation.SNAPSHOT: (Status.RUNNING, Status.STOPPED),
    Operation.RESTORE: (Status.RUNNING, Status.STOPPED),
}
NOTHING_TO_DO = {(Operation.START, Status.RUNNING), (Operation.STOP, Status.STOPPED)}


def should_begin(operation: Operation, status: Status, under_way: str | None) -> bool:
    """Whether there is anything to begin. `Conflict` if it cannot be done now."""
    if under_way:
        raise Conflict(f"a {under_way} is under way; try again when it is done")
    if (operation, status) in NOTHING_TO_DO:
        return False
    if status not in REQUIRED_STATUSES[operation]:
        raise Conflict(f"the machine is {status}; a {operation} needs it {' or '.join(REQUIRED_STATUSES[operation])}")
    return True
