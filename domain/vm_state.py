"""How a virtual machine is, and what may be under way with it."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

STEADY = timedelta(minutes=1)  # a machine that has run so long has come up well
FIRST_WAIT, LAST_WAIT = timedelta(seconds=1), timedelta(minutes=5)


class State(StrEnum):
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"


class Order(StrEnum):
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    CLEAR = "clear"


def wait_after(failures: int) -> timedelta:
    """How long to let a machine lie that has failed so often, before it is started again."""
    doubled = 1 << min(failures, 20)
    return min(FIRST_WAIT * doubled, LAST_WAIT)
