"""TENURE_HOME: the directory of this installation, and the process that holds it."""

from __future__ import annotations

import errno
import fcntl
import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


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
