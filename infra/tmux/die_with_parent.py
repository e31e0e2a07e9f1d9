"""Runs a command that is killed when its parent ends, however that ends: `die_with_parent.py PARENT_PID COMMAND…`.

A tmux client in control mode whose parent was killed can stay for ever: its server keeps what the parent has not read,
waits until somebody reads that, and reads no more output of panes meanwhile. Once the client's process has died, the
server drops all of it.

Source: PR_SET_PDEATHSIG in prctl(2). `execve` keeps the setting. The signal comes when the thread ends that started
this process, which is the one that runs the event loop.
"""

from __future__ import annotations

import ctypes
import os
import sys

SET_PARENT_DEATH_SIGNAL_CODE = 1  # PR_SET_PDEATHSIG
KILL_SIGNAL_CODE = 9


def main(parent_pid: str, *command: str) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL_CODE, KILL_SIGNAL_CODE, 0, 0, 0)
    if os.getppid() != int(parent_pid):
        return  # the parent has ended before the line above, so that no signal will come
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
