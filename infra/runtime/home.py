"""TENURE_HOME: the directory of this installation, the process that holds it, and what it remembers of its log."""

from __future__ import annotations

import errno
import fcntl
import getpass
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO
from uuid import UUID

MARK_FILE = "log-mark.json"
ENGINE_FILE = "engine"  # what TENURE_MACHINES=auto has chosen


class CannotStart(Exception):
    """Something that this process needs is missing. The message is for people, and says what they can do."""


@contextmanager
def os_errors_as_cannot_start(path: Path) -> Iterator[None]:
    """Raise `CannotStart`, with a sentence for people, for an `OSError` of a file at or below `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CannotStart(f"The disk that holds {path} is full.") from error
        reason = (error.strerror or str(error)).lower()
        raise CannotStart(
            f"{path} cannot be used by {_user_name()}: {reason}. Make it writable, or choose another with TENURE_HOME."
        ) from error


def _user_name() -> str:
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return f"user {os.getuid()}"


def make_home(home: Path) -> None:
    """Make the directory if it is missing, closed to other users. Raises `CannotStart`."""
    mode = 0o711 if os.geteuid() == 0 else 0o700  # root's PostgreSQL runs as another user, who passes through
    with os_errors_as_cannot_start(home):
        home.mkdir(mode=mode, parents=True, exist_ok=True)


_claims: list[HomeClaim] = []


class HomeClaim:
    """A lock on a home. However this process ends, the lock ends with it."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        _claims.append(self)  # a claim that is garbage-collected would close its file and so unlock the home

    def publish(self, url: str) -> None:
        """Write this process's id and URL into the lock file, for the message of whoever is refused."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"{os.getpid()}\n{url}\n")
        self._file.flush()

    def release(self) -> None:
        self._file.close()
        _claims.remove(self)


def claim_home(home: Path, url: str) -> HomeClaim:
    """Lock a home for the Tenure at this URL.

    Raises `CannotStart` if another process holds it, or if it cannot be written.
    """
    make_home(home)
    with os_errors_as_cannot_start(home):
        file = open(home / "tenure.lock", "a+")  # noqa: SIM115 - open for as long as the lock lasts
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid, _, holder_url = file.read().strip().partition("\n")
            file.close()
            holder = f" (process {pid}, {holder_url})" if holder_url else ""
            raise CannotStart(
                f"Tenure is already running on this home{holder}. Stop it, or choose another with TENURE_HOME."
            ) from None
        claim = HomeClaim(file)
        claim.publish(url)
        return claim


@dataclass(frozen=True)
class LogMark:
    """Which log a home was last used with, and how far that had come."""

    epoch: int
    epoch_id: UUID
    position: int
    place: str  # of the home that the mark was written for: a copy of it is elsewhere


def place_of(home: Path) -> str:
    """What tells a home from a copy of it: its path, and its directory's number in the file system."""
    return f"{home.resolve()} {home.stat().st_ino}"


def read_mark(home: Path) -> LogMark | None:
    """The mark of a home; None if there is none, or one that cannot be read."""
    try:
        fields = json.loads((home / MARK_FILE).read_bytes())
        return LogMark(int(fields["epoch"]), UUID(fields["epoch_id"]), int(fields["position"]), str(fields["place"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_mark(home: Path, mark: LogMark) -> None:
    """Replace the mark of a home in one step. Raises `CannotStart`."""
    with os_errors_as_cannot_start(home):
        replace_file(home / MARK_FILE, json.dumps(asdict(mark), default=str))


def read_engine_choice(home: Path) -> str | None:
    """The engine that TENURE_MACHINES=auto has chosen for this home: "docker" or "local". None: not yet."""
    try:
        choice = (home / ENGINE_FILE).read_text().strip()
    except OSError:
        return None
    return choice if choice in ("docker", "local") else None


def write_engine_choice(home: Path, choice: str) -> None:
    """Keep the choice of TENURE_MACHINES=auto. Raises `CannotStart`."""
    make_home(home)
    with os_errors_as_cannot_start(home):
        replace_file(home / ENGINE_FILE, f"{choice}\n")


def replace_file(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old text or the new one, also after a crash. Raises `OSError`."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text)
    part.replace(path)
