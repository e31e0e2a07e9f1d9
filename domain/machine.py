"""The states of a lent machine, the operations on it, and the facts that an engine reports about it."""

from __future__ import annotations

from enum import StrEnum
from typing import NotRequired, TypedDict

from domain.errors import Conflict


class MachineConnection(TypedDict, total=False):
    """How a machine is reached. It is stored in events and shown to clients, so it holds JSON values only."""

    # Of machines on Docker.
    host: str  # the address that clients reach published ports under
    ports: dict[str, int]  # port inside, as text, to published port: {"22": 49153}; empty while it is stopped
    disk_mb: int | str  # where a limit was asked for: the limit, or a sentence that there is none
    # Of machines that are processes of this host.
    directory: str  # the absolute path of its files
    terminal: str | None  # the command that attaches to its terminal; None while it is stopped, or without tmux


class MachineFacts(TypedDict):
    """A machine as its engine showed it, as events keep it: JSON values only."""

    provider_id: str  # the deterministic name
    engine_id: str  # the engine's own id, another one after a re-creation
    connection: MachineConnection
    started_at: NotRequired[str]  # the start of this run, in the engine's words; another one after each start


class MachineEnd(TypedDict):
    """Why a machine does not run that nobody asked to stop: JSON values only."""

    reason: str  # as a sentence
    exit_code: int | None  # of its first process; None: the engine does not tell
    out_of_memory: bool  # the kernel killed it for lack of memory
    from_outside: bool  # somebody ended it on the engine, past Tenure


def runs_otherwise(recorded: MachineFacts, machine: MachineFacts) -> bool:
    """Whether a running machine differs from what was recorded: it was started again, or is reached otherwise."""
    starts = {facts["started_at"] for facts in (recorded, machine) if facts.get("started_at")}
    same = (recorded["engine_id"], recorded["connection"]) == (machine["engine_id"], machine["connection"])
    return not same or len(starts) > 1


class Status(StrEnum):
    CREATING = "creating"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    ENDED = "ended"  # lent no more; the machine may still exist for a while


class Operation(StrEnum):
    """An operation on a machine that exists. One at a time is under way."""

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
    """Whether the operation would change anything. Raises `Conflict` if it cannot be done now."""
    if under_way:
        raise Conflict(f"a {under_way} is under way; try again when it is done")
    if (operation, status) in NOTHING_TO_DO:
        return False
    if status not in REQUIRED_STATUSES[operation]:
        raise Conflict(f"the machine is {status}; a {operation} needs it {' or '.join(REQUIRED_STATUSES[operation])}")
    return True
