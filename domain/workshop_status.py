"""The statuses of a workshop, as its contract has them."""

from __future__ import annotations

from enum import StrEnum

from domain.errors import Conflict


class Status(StrEnum):
    CREATED = "created"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


OPEN = (Status.PROVISIONING, Status.RUNNING)  # its seats have machines, or get them


class AlreadyRunning(Conflict):
    """The workshop runs, or is being started."""

    code = "already_running"


class NotRunning(Conflict):
    """The workshop does not run."""

    code = "not_running"
