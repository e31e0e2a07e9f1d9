"""The states of a virtual machine, the orders to it, and how long to wait before a restart."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

STEADY_AFTER = timedelta(minutes=1)  # a machine that dies later than this did not fail to start
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
    """How long to wait before the next start of a machine that has failed `failures` times in a row."""
    doubled = 1 << min(failures, 20)
    return min(MIN_BACKOFF * doubled, MAX_BACKOFF)
