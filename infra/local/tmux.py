"""The terminals of local machines: one tmux session each, on one tmux server of our own."""

from __future__ import annotations

import hashlib
import os
import pwd
import shlex
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from application.ports.errors import EngineRefused, Unavailable
from infra.local.disk import PRIVATE_MODE
from infra.local.processes import MARK, kill_all, machine_processes, terminate

ANSWER_TIMEOUT_S = 10
START_ATTEMPTS = 3
MAX_SOCKET_PATH_BYTES = 100  # Linux takes 107, other kernels 103: unix(7)
OTHERS_CAN_WRITE_MODE = 0o022


class LocalTerminals:
    """Sessions on the tmux server of one folder, without our environment and without our user's tmux.conf.

    Every method may raise `subprocess.TimeoutExpired` if tmux does not answer.
    """

    def __init__(self, folder: Path) -> None:
        self._tmux = shutil.which("tmux")
        self.socket = folder / "tmux.sock"
        if len(os.fsencode(self.socket)) > MAX_SOCKET_PATH_BYTES:
            folder_hash = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
            self.socket = Path("/tmp") / f"tenure-{os.getuid()}-{folder_hash}" / "tmux.sock"

    @property
    def has_tmux(self) -> bool:
        """Whether tmux is installed."""
        return self._tmux is not None

    def session_names(self) -> set[str]:
        """The names of the sessions, which are the ids of running machines."""
        return set(self._run("list-sessions", "-F", "#{session_name}")) if self.has_tmux else set()

    def attach_command(self, id: UUID) -> str | None:
        """The shell command that attaches to the terminal; None without tmux."""
        return shlex.join(["tmux", "-S", str(self.socket), "attach", "-t", str(id)]) if self.has_tmux else None

    def ensure(self, id: UUID, directory: Path, env: Mapping[str, str] | None = None) -> None:
        """Start a session of a login shell in the directory, with `env` in its environment, unless there is one.

        Does nothing without tmux. `Unavailable` if the session does not start.
        """
        if not self.has_tmux:
            return
        self._ensure_private()
        # A server that ends with its last session may take the next command with it: so it is tried again.
        for _ in range(START_ATTEMPTS):
            if str(id) in self.session_names():
                return
            environment = {"HOME": str(directory), MARK: str(id), **(env or {})}
            session = ["new-session", "-d", "-s", str(id), "-c", str(directory)]
            session += [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
            # tmux reads the command from its input: other users of this host can see command lines.
            errors = self._run("start-server", ";", "source-file", "-", stdin=shlex.join(session), return_errors=True)
        if str(id) not in self.session_names():
            raise Unavailable("local", f"the terminal does not start: {' '.join(errors) or 'it ends at once'}")

    def end(self, id: UUID) -> None:
        """End the session and every process of the machine: asked first, then killed. `Unavailable` if one stays."""
        processes = machine_processes(id, self._pane_pids(id))
        if self.has_tmux:
            self._run("kill-session", "-t", f"={id}")
        terminate(processes)
        kill_all(lambda: machine_processes(id, self._pane_pids(id)))

    def _pane_pids(self, id: UUID) -> list[str]:
        return self._run("list-panes", "-s", "-t", f"={id}", "-F", "#{pane_pid}") if self.has_tmux else []

    def _run(self, *command: str, stdin: str = "", return_errors: bool = False) -> list[str]:
        """The lines of tmux's output; none if it fails, as it does without a server, unless errors are asked for."""
        result = subprocess.run(
            [self._tmux or "tmux", "-S", str(self.socket), "-u", "-f", os.devnull, *command],
            env=_environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=ANSWER_TIMEOUT_S,
        )
        if result.returncode:
            return result.stderr.splitlines() if return_errors else []
        return result.stdout.splitlines()

    def _ensure_private(self) -> None:
        """Make the socket's folder ours alone: every user who can open the socket can type into the machines."""
        folder = self.socket.parent
        folder.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
        status = folder.lstat()
        is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
        if not is_own or status.st_mode & OTHERS_CAN_WRITE_MODE:
            raise EngineRefused(f"{folder} has to be a directory that only its owner can write to")


def _environment() -> dict[str, str]:
    """The whole environment of a shell but for its home. Ours stays out: there are secrets in it."""
    clean = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
    try:
        account = pwd.getpwuid(os.getuid())
    except KeyError:  # a user id without an account, as in some containers
        return clean | {"SHELL": "/bin/sh"}
    return clean | {"SHELL": account.pw_shell or "/bin/sh", "USER": account.pw_name, "LOGNAME": account.pw_name}
