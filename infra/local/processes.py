"""The processes of a local machine: found by the mark in their environment, and ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from uuid import UUID

import psutil

from application.ports.errors import Unavailable

# In the environment of every process of a machine, also of one that has left its terminal's session.
MARK = "WORKSPACE_ID"
TERMINATE_TIMEOUT_S = 5.0
KILL_TIMEOUT_S = 1.0
POLL_INTERVAL_S = 0.02
MAX_KILL_ROUNDS = 20  # a process may start another one before it is killed


def machine_processes(id: UUID, pane_pids: Collection[str]) -> list[psutil.Process]:
    """The processes of the machine's panes with all that they started, and every process with the machine's mark."""
    processes: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            if str(process.pid) in pane_pids:
                processes |= {each.pid: each for each in (process, *process.children(recursive=True))}
            elif process.environ().get(MARK) == str(id):
                processes[process.pid] = process
        except psutil.Error:  # it has ended, or another user's cannot be looked at
            continue
    return [process for process in processes.values() if is_alive(process)]


def terminate(processes: list[psutil.Process]) -> None:
    """Ask the processes to end, and wait some seconds for it."""
    for process in processes:
        _signal(process.terminate)
    _wait_for_end(processes, TERMINATE_TIMEOUT_S)


def kill_all(find: Callable[[], list[psutil.Process]]) -> None:
    """Kill what `find` finds until it finds nothing. `Unavailable` if that never comes."""
    for _ in range(MAX_KILL_ROUNDS):
        if not (processes := find()):
            return
        for process in processes:
            _signal(process.kill)
        _wait_for_end(processes, KILL_TIMEOUT_S)
    raise Unavailable("local", "processes of the machine cannot be ended")


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs. A zombie does not: it has ended, and its parent has not looked at it yet."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _signal(send: Callable[[], None]) -> None:
    with suppress(psutil.Error):  # it has ended already
        send()


def _wait_for_end(processes: list[psutil.Process], timeout_s: float) -> None:
    """`psutil.wait_procs` would wait for zombies too, which only their parents end."""
    deadline = time.monotonic() + timeout_s
    while any(map(is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_S)
