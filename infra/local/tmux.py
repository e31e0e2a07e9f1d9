"""A local machine's terminal, one tmux session each, and the end of every process that it started."""

from __future__ import annotations

import hashlib
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import psutil

from application.ports.errors import EngineRefused, Unavailable

ANSWER_SECONDS = 10
STOP_SECONDS = 5  # from asking a process to end until it is killed
LOOK_SECONDS = 0.02  # between looks whether it has ended
ROUNDS = 20  # of killing what started others meanwhile
LONGEST_SOCKET = 100  # bytes; the kernel takes 107, and 103 elsewhere
MARK = "WORKSPACE_ID"  # in the environment of every process of a machine, also of one that left its session


class LocalTerminals:
    """Sessions on a tmux server of one folder's own, with neither our environment nor our user's settings."""

    def __init__(self, folder: Path) -> None:
        self._tmux = shutil.which("tmux")
        self.socket = folder / "tmux.sock"
        if len(os.fsencode(self.socket)) > LONGEST_SOCKET:
            folder_hash = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
            self.socket = Path("/tmp") / f"tenure-{os.getuid()}-{folder_hash}" / "tmux.sock"

    @property
    def are_had(self) -> bool:
        """Whether there is a tmux."""
        return self._tmux is not None

    def running(self) -> set[str]:
        """The names of the sessions."""
        return set(self._ask("list-sessions", "-F", "#{session_name}")) if self.are_had else set()

    def attach_command(self, id: UUID) -> str | None:
        """What a person types to get in; None without tmux."""
        return shlex.join(["tmux", "-S", str(self.socket), "attach", "-t", str(id)]) if self.are_had else None

    def ensure(self, id: UUID, directory: Path, env: Mapping[str, str] | None = None) -> None:
        """A session of a login shell at home in the directory, with this in its environment besides."""
        if not self.are_had:
            return
        self._ensure_private()
        # A server leaves with its last session, at times just when the next one knocks: hence again.
        for _ in range(3):
            if str(id) in self.running():
                return
            told = {"HOME": str(directory), MARK: str(id), **(env or {})}
            session = ["new-session", "-d", "-s", str(id), "-c", str(directory)]
            session += [word for name, value in told.items() for word in ("-e", f"{name}={value}")]
            # Read by tmux, and not on its command line, which others on this machine can see.
            said = self._ask("start-server", ";", "source-file", "-", given=shlex.join(session), words_of_failure=True)
        if str(id) not in self.running():
            raise Unavailable("local", f"the terminal does not start: {' '.join(said) or 'it ends at once'}")

    def end(self, id: UUID) -> None:
        """Ends the session and every process of the machine: asked first, then killed."""
        doomed = self._processes(id)
        if self.are_had:
            self._ask("kill-session", "-t", f"={id}")
        for process in doomed:
            _signal(process.terminate)
        _wait_for_end(doomed, STOP_SECONDS)
        for _ in range(ROUNDS):
            if not (doomed := self._processes(id)):
                return
            for process in doomed:
                _signal(process.kill)
            _wait_for_end(doomed, 1)
        raise Unavailable("local", "processes of the machine cannot be ended")

    def _processes(self, id: UUID) -> list[psutil.Process]:
        """Whatever runs in the session's panes, what that started, and what carries the machine's mark."""
        found: dict[int, psutil.Process] = {}
        panes = self._ask("list-panes", "-s", "-t", f"={id}", "-F", "#{pane_pid}") if self.are_had else []
        for process in psutil.process_iter():
            try:
                if str(process.pid) in panes:
                    found |= {one.pid: one for one in (process, *process.children(recursive=True))}
                elif process.environ().get(MARK) == str(id):
                    found[process.pid] = process
            except psutil.Error:  # gone meanwhile, or not ours to look at
                continue
        return [one for one in found.values() if _lives(one)]

    def _ask(self, *command: str, given: str = "", words_of_failure: bool = False) -> list[str]:
        """The lines of the answer; none where tmux refuses, which it does where there is no server."""
        done = subprocess.run(
            [self._tmux or "tmux", "-S", str(self.socket), "-u", "-f", os.devnull, *command],
            env=_environment(),
            input=given,
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
        )
        if done.returncode:
            return done.stderr.splitlines() if words_of_failure else []
        return done.stdout.splitlines()

    def _ensure_private(self) -> None:
        """The socket's folder is ours alone: whoever can reach the socket can type into the machines."""
        folder = self.socket.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = folder.lstat()
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or seen.st_mode & 0o022:
            raise EngineRefused(f"{folder} has to be a directory that only its owner can write to")


def _environment() -> dict[str, str]:
    """All that a shell is told, beside its home: nothing of ours, where secrets are."""
    clean = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
    try:
        person = pwd.getpwuid(os.getuid())
    except KeyError:  # a number without a name, as in some containers
        return clean | {"SHELL": "/bin/sh"}
    return clean | {"SHELL": person.pw_shell or "/bin/sh", "USER": person.pw_name, "LOGNAME": person.pw_name}


def _signal(send: Callable[[], None]) -> None:
    with suppress(psutil.Error):  # it is gone
        send()


def _wait_for_end(processes: list[psutil.Process], seconds: float) -> None:
    """A zombie has ended. Whoever should bury it may take its time, so that waiting as psutil does is too long."""
    deadline = time.monotonic() + seconds
    while any(map(_lives, processes)) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
