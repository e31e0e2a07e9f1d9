"""TENURE_HOME: the directory of this installation, and who holds it."""

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
    """What this process runs on is not to be had. The message is for people, and says what they can do."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Says what an `OSError` under this path means to people, as `CannotStart`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CannotStart(f"The disk that holds {path} is full.") from error
        reason = (error.strerror or str(error)).lower()
        raise CannotStart(
            f"{path} cannot be used by {_me()}: {reason}. Make it writable, or choose another with TENURE_HOME."
        ) from error


def _me() -> str:
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return f"user {os.getuid()}"


def make(home: Path) -> None:
    """Let the directory be there, closed to others. Raises `CannotStart`."""
    mode = 0o711 if os.geteuid() == 0 else 0o700  # root's PostgreSQL is another, who passes through
    with explained(home):
        home.mkdir(mode=mode, parents=True, exist_ok=True)


_claims: list[Claim] = []


class Claim:
    """A home held by this process. Whichever way the process ends, the hold ends with it."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        _claims.append(self)  # a claim that nobody keeps would end when it is collected

    def tell(self, url: str) -> None:
        """Say where to find us, to whoever is refused."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"{os.getpid()}\n{url}\n")
        self._file.flush()

    def release(self) -> None:
        self._file.close()
        _claims.remove(self)


def claim(home: Path, url: str) -> Claim:
    """Hold a home for one Tenure, found at this URL.

    Raises `CannotStart` if another process holds it, or if it cannot be written.
    """
    make(home)
    with explained(home):
        file = open(home / "tenure.lock", "a+")  # noqa: SIM115 - open for as long as the hold lasts
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid, _, where = file.read().strip().partition("\n")
            file.close()
            who = f" (process {pid}, {where})" if where else ""
            raise CannotStart(
                f"Tenure is already running on this home{who}. Stop it, or choose another with TENURE_HOME."
            ) from None
        held = Claim(file)
        held.tell(url)
        return held
