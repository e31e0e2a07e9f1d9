"""Runs the embedded PostgreSQL in TENURE_HOME: nothing to install, nothing to configure.

The server outlives a Tenure that is killed, and the next one attaches to it. Every process that uses it holds a shared
lock; the last one to stop shuts it down. It listens on a Unix socket that only its owner can open, and on no address.
"""

from __future__ import annotations

import fcntl
import logging
import os
import selectors
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from infra.postgres import postmaster
from infra.postgres.os_account import account_for
from infra.runtime.home import CannotStart, make_home, os_errors_as_cannot_start

log = logging.getLogger(__name__)

DATABASE = "tenure"
CONNECT_TIMEOUT_S = 10  # for a server that says it is ready
POLL_INTERVAL_S = 0.02
RESTART_DELAY_S = 2


@dataclass
class DatabaseUse:
    """This process's use of a running database."""

    lock: int  # file descriptor of the shared lock
    stopping: threading.Event = field(default_factory=threading.Event)
    wake: tuple[int, int] = field(default_factory=os.pipe)  # a byte in it wakes the watcher
    watcher: threading.Thread | None = None


_uses: dict[Path, DatabaseUse] = {}  # by home


def start(home: Path) -> str:
    """Start the database of this home, or attach to it where it runs already, and return its URL.

    Raises `CannotStart`.
    """
    make_home(home)
    with _exclusive(home):
        url = _ensure_running(home)
        if home not in _uses:
            lock = _open_lock_file(home / "postgres.users")
            fcntl.flock(lock, fcntl.LOCK_SH)
            _uses[home] = DatabaseUse(lock)
        return url


def stop(home: Path) -> None:
    """Detach from the database, and shut it down if no other process uses it. Does nothing if it was not started."""
    use = _uses.pop(home, None)
    if use is None:
        return
    use.stopping.set()
    os.write(use.wake[1], b".")
    if use.watcher is not None:
        use.watcher.join()
    for pipe_end in use.wake:
        os.close(pipe_end)
    with _exclusive(home):
        try:
            fcntl.flock(use.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if server := postmaster.find(home / "postgres"):
                postmaster.end(server)
        except BlockingIOError:
            log.info("the embedded database keeps running: another process uses it")
        finally:
            os.close(use.lock)


def watch(home: Path) -> None:
    """Restart the database whenever it dies, in a thread, until `stop`. Raises `KeyError` if it was not started."""
    use = _uses[home]
    use.watcher = threading.Thread(target=_watch, args=(home, use), name="embedded-postgres", daemon=True)
    use.watcher.start()


def _watch(home: Path, use: DatabaseUse) -> None:
    while not use.stopping.is_set():
        try:
            with _exclusive(home):
                url = _ensure_running(home)
            _wait_for_end(url, use)
        except (CannotStart, psycopg.OperationalError) as error:
            log.error("the embedded database has ended and cannot be restarted yet: %s", error)
            use.stopping.wait(RESTART_DELAY_S)


def _wait_for_end(url: str, use: DatabaseUse) -> None:
    """Return when the database has died, or when `stop` was called. Sleeps on a connection: nothing polls."""
    with (
        psycopg.connect(url, autocommit=True, application_name="watch") as conn,
        selectors.DefaultSelector() as selector,
    ):
        selector.register(conn.fileno(), selectors.EVENT_READ)
        selector.register(use.wake[0], selectors.EVENT_READ)
        while not use.stopping.is_set():
            selector.select()
            try:
                conn.execute("select 1")  # the server may be alive and have sent a notice
            except psycopg.OperationalError:
                log.error("the embedded database has ended; restarting it")
                return


def _ensure_running(home: Path) -> str:
    """Return the URL of a server that answers, started if none runs. Raises `CannotStart`."""
    data = home / "postgres"
    account = account_for(data)
    postmaster.ensure_data(data, account)
    began = time.monotonic()
    while True:
        server = postmaster.find(data) or postmaster.launch(data, account)
        timeout_s, problem = postmaster.RECOVERY_TIMEOUT_S, f"is {server.state} for too long"
        if server.state == "ready":
            try:
                return _ensure_database(server)
            except psycopg.OperationalError as error:
                timeout_s, problem = CONNECT_TIMEOUT_S, f"does not answer: {error}"
        # It may have been found just as it started, ended or died: look again.
        if time.monotonic() - began > timeout_s:
            raise CannotStart(f"PostgreSQL (process {server.pid}) {problem}; see {data}.log.")
        time.sleep(POLL_INTERVAL_S)


def _ensure_database(server: postmaster.Postmaster) -> str:
    """Return the URL of Tenure's database on this server, created if it is missing."""
    try:
        psycopg.connect(server.url(DATABASE)).close()
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):  # psycopg gives no error code for a failed connection
            raise
        with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
            conn.execute(f"create database {DATABASE}")
    return server.url(DATABASE)


@contextmanager
def _exclusive(home: Path) -> Iterator[None]:
    """Let one process at a time start or end the database of a home."""
    lock = _open_lock_file(home / "postgres.starting")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _open_lock_file(path: Path) -> int:
    with os_errors_as_cannot_start(path):
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
