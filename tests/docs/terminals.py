"""Terminals that commands are pasted into: bash, kept from one block to the next."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

from tests.docs.answers import plain, text_pattern

BLOCK_TIMEOUT_S = 240.0  # for the commands of one block, or for an answer to appear in another terminal
ENDING_TIMEOUT_S = 20.0
ROWS, COLUMNS = 50, 200
CTRL_C = b"\x03"
CTRL_RIGHT_BRACKET = b"\x1d"
BASH = ("bash", "--norc", "--noprofile")
# Unset variables end the shell, and every command that fails is noted: a page must not rely on luck.
STRICT = r"""
set -u -E -o pipefail
trap '__s=$?; printf "%s\n" "line $LINENO: \`$BASH_COMMAND\` failed with status $__s" >>"$DOCS_FAILURES"' ERR
"""


class Failed(Exception):
    """A command did not do what the page says. The message shows what it printed."""


class FirstTerminal:
    """A bash whose blocks are run one after the other; each returns what it printed, errors included.

    Output goes to files, not to a terminal: so it is what a reader could pipe.
    """

    def __init__(self, folder: Path, env: dict[str, str], scratch: Path) -> None:
        self.scratch, self.count = scratch, 0
        self.failures = scratch / "failures"
        self.failures.touch()
        read_end, write_end = os.pipe()
        self.wait_fd = read_end
        self.process = subprocess.Popen(
            BASH,
            cwd=folder,
            env=env | {"DOCS_FAILURES": str(self.failures)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=(scratch / "shell-errors").open("wb"),
            pass_fds=[write_end],
            start_new_session=True,
        )
        self.signal_fd = write_end
        os.close(write_end)
        self._write(STRICT)

    def paste(self, text: str) -> str:
        """Run a block, and return its output. Raises `Failed`."""
        self.count += 1
        block, output = self.scratch / f"block-{self.count}", self.scratch / f"output-{self.count}"
        block.write_text(text)
        # The pipe's end is closed for the commands: what runs on in the background must not hold it.
        self._write(f". {block} </dev/null >{output} 2>&1 {self.signal_fd}>&-; echo >&{self.signal_fd}\n")
        ready, _, _ = select.select([self.wait_fd], [], [], BLOCK_TIMEOUT_S)
        printed = plain(output.read_text(errors="replace")) if output.exists() else ""
        if not ready:
            raise Failed(f"it did not end within {BLOCK_TIMEOUT_S:g} s; it has printed:\n{printed}")
        if not os.read(self.wait_fd, 1):
            raise Failed(
                f"the shell has ended; it has printed:\n{printed}{(self.scratch / 'shell-errors').read_text()}"
            )
        if failed := self.failures.read_text():
            raise Failed(f"{failed}It has printed:\n{printed}")
        return printed

    @property
    def folder(self) -> Path:
        """The directory that the shell is in."""
        return Path(os.readlink(f"/proc/{self.process.pid}/cwd"))

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        end_session(self.process)
        os.close(self.wait_fd)

    def _write(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()


class Terminal:
    """A bash on a terminal of its own, for what goes on while the reader works elsewhere."""

    def __init__(self, name: str, folder: Path, env: dict[str, str]) -> None:
        self.name, self.received, self.compared = name, b"", 0
        self.fd, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        attributes = termios.tcgetattr(inside)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(inside, termios.TCSANOW, attributes)
        self.process = subprocess.Popen(
            [*BASH, "--noediting", "-i"],
            cwd=folder,
            env=env | {"PS1": "", "PS2": "", "BASH_SILENCE_DEPRECATION_WARNING": "1"},
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C reaches what runs in it
        )
        os.close(inside)

    def paste(self, text: str) -> None:
        """Type the text. `^C` alone is the key."""
        os.write(self.fd, CTRL_C if text.strip() == "^C" else text.encode())

    def screen(self) -> str:
        """Everything that it has expected, without colours."""
        return plain(self.received.decode(errors="replace"))

    def wait_for(self, expected: str) -> None:
        """Wait until this appears after what was compared before. Raises `Failed`."""
        pattern, deadline = text_pattern(expected), time.monotonic() + BLOCK_TIMEOUT_S
        while True:
            output = self.screen()
            # A line that is still being written has no end yet; the last one may be a prompt.
            if match := pattern.search(output + "\n", self.compared):
                self.compared = min(match.end(), len(output))
                return
            if not self._read(deadline - time.monotonic()):
                raise Failed(
                    f"the terminal {self.name} does not show\n{expected}\nIt shows:\n{output[self.compared :]}"
                )

    def _read(self, timeout_s: float) -> bool:
        """Whether more has come."""
        ready, _, _ = select.select([self.fd], [], [], max(0.0, timeout_s))
        if not ready:
            return False
        try:
            more = os.read(self.fd, 65536)
        except OSError:  # Linux tells so that nobody has the other end open
            return False
        self.received += more
        return bool(more)

    def close(self) -> None:
        """End what runs in it as a reader would, and then the shell."""
        try:
            os.write(self.fd, CTRL_RIGHT_BRACKET + CTRL_C + b"\nexit\n")
            deadline = time.monotonic() + ENDING_TIMEOUT_S
            while self.process.poll() is None and time.monotonic() < deadline:
                if not self._read(0.05) and self.process.poll() is None:
                    continue
        except OSError:
            pass
        end_session(self.process)
        os.close(self.fd)


def end_session(process: subprocess.Popen[bytes]) -> None:
    """End a shell and what it has left in the background."""
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGHUP)
    for pid in session_members(process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait(ENDING_TIMEOUT_S)


def session_members(session: int) -> list[int]:
    """Processes of this session that are alive."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if os.getsid(int(entry.name)) == session:
                    members.append(int(entry.name))
            except ProcessLookupError:
                continue
    return members
