"""How a virtual machine is, and what may be under way with it."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

STEADY_AFTER = timedelta(minutes=1)  # a machine that has run so long has come up well
MIN_BACKOFF, MAX_BACKOFF = timedelta(seconds=1), timedelta(minutes=5)


class State(StrEnum):
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"


class Order(StrEnum):
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    CLEAR = "clear"


def backoff_after(failures: int) -> timedelta:
    """How long to let a machine lie that has failed so often, before it is started again."""
    doubled = 1 << min(failures, 20)
    return min(MIN_BACKOFF * doubled, MAX_BACKOFF)
