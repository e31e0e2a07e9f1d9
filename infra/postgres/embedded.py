"""A real PostgreSQL of our own, in TENURE_HOME: nothing to install, nothing to configure.

It outlives a Tenure that is killed, and the next one goes on with it. Every process that uses it holds a
shared lock; the last to leave ends it. It listens on a socket that only its owner can open, on no address.
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
from infra.postgres.os_account import account
from infra.runtime.home import CannotStart, claim, explained, make

__all__ = ["CannotStart", "claim", "start", "stop", "watch"]

log = logging.getLogger(__name__)

DATABASE = "tenure"
ANSWER = 10  # seconds that a running one may refuse connections


@dataclass
class Hold:
    """This process's share of a running database."""

    lock: int
    leaving: threading.Event = field(default_factory=threading.Event)
    wake: tuple[int, int] = field(default_factory=os.pipe)  # a byte in it wakes the watcher
    watcher: threading.Thread | None = None


_holds: dict[Path, Hold] = {}


def start(home: Path) -> str:
    """Let the database of this home be there, and return its URL. Where it runs already, attach to it.

    Raises `CannotStart`.
    """
    make(home)
    with _one_at_a_time(home):
        url = _ensure_running(home)
        if home not in _holds:
            lock = _opened(home / "postgres.users")
            fcntl.flock(lock, fcntl.LOCK_SH)
            _holds[home] = Hold(lock)
        return url


def stop(home: Path) -> None:
    """Let go of the database; if nobody else holds it, it ends, with everything stored."""
    hold = _holds.pop(home, None)
    if hold is None:
        return
    hold.leaving.set()
    os.write(hold.wake[1], b".")
    if hold.watcher is not None:
        hold.watcher.join()
    for end in hold.wake:
        os.close(end)
    with _one_at_a_time(home):
        try:
            fcntl.flock(hold.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if running := postmaster.find(home / "postgres"):
                postmaster.end(running)
        except BlockingIOError:
            log.info("the embedded database goes on: another process uses it")
        finally:
            os.close(hold.lock)


def watch(home: Path) -> None:
    """From now until `stop`, bring the database back whenever it dies. For homes that were started."""
    hold = _holds[home]
    hold.watcher = threading.Thread(target=_watch, args=(home, hold), name="embedded-postgres", daemon=True)
    hold.watcher.start()


def _watch(home: Path, hold: Hold) -> None:
    while not hold.leaving.is_set():
        try:
            with _one_at_a_time(home):
                url = _ensure_running(home)
            _until_it_ends(url, hold)
        except (CannotStart, psycopg.OperationalError) as error:
            log.error("the embedded database has ended, and does not come back yet: %s", error)
            hold.leaving.wait(2)


def _until_it_ends(url: str, hold: Hold) -> None:
    """Return when the database has died, or when we leave. Sleeps on a connection, so it costs nothing."""
    with (
        psycopg.connect(url, autocommit=True, application_name="watch") as conn,
        selectors.DefaultSelector() as wait,
    ):
        wait.register(conn.fileno(), selectors.EVENT_READ)
        wait.register(hold.wake[0], selectors.EVENT_READ)
        while not hold.leaving.is_set():
            wait.select()
            try:
                conn.execute("select 1")  # it may only have had something to say
            except psycopg.OperationalError:
                log.error("the embedded database has ended; bringing it back")
                return


def _ensure_running(home: Path) -> str:
    data = home / "postgres"
    who = account(data)
    postmaster.make_data(data, who)
    began = time.monotonic()
    while True:
        running = postmaster.find(data) or postmaster.launch(data, who)
        patience, trouble = postmaster.RECOVERY, f"is {running.state} for too long"
        if running.state == "ready":
            try:
                return _with_database(running)
            except psycopg.OperationalError as error:
                patience, trouble = ANSWER, f"does not answer: {error}"
        # Found just as it started, ended or died, it is soon something else.
        if time.monotonic() - began > patience:
            raise CannotStart(f"PostgreSQL (process {running.pid}) {trouble}; see {data}.log.")
        time.sleep(0.02)


def _with_database(running: postmaster.Postmaster) -> str:
    try:
        psycopg.connect(running.url(DATABASE)).close()
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):  # psycopg has no code for a connection that failed
            raise
        with psycopg.connect(running.url("postgres"), autocommit=True) as conn:
            conn.execute(f"create database {DATABASE}")
    return running.url(DATABASE)


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    """One process at a time starts or ends the database of a home."""
    lock = _opened(home / "postgres.starting")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _opened(path: Path) -> int:
    with explained(path):
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
