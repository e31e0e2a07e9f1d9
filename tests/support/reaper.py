"""Starts commands that come as lines of JSON, and reaps their orphaned processes at once.

An init does that as well, though some take their time over it; libvirt waits for a QEMU that has died to be buried.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
import time

SET_CHILD_SUBREAPER_CODE = 36


def bury() -> None:
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            time.sleep(0.02)


def begin(command: list[str], log: str) -> int:
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawnp(command[0], command, os.environ, file_actions=actions)


if __name__ == "__main__":
    ctypes.CDLL(None, use_errno=True).prctl(SET_CHILD_SUBREAPER_CODE, 1, 0, 0, 0)
    threading.Thread(target=bury, daemon=True).start()
    for line in sys.stdin:
        print(begin(*json.loads(line)), flush=True)
