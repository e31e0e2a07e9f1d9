"""The embedded database is really started, killed in several ways, and found again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from infra.postgres import embedded as embedded_postgres
from infra.postgres import postmaster
from infra.postgres.os_account import account_for, subprocess_options
from infra.runtime.home import CannotStart, claim_home

ROOT = Path(__file__).parents[3]
OWNER = """
import sys, time
from pathlib import Path
from infra.postgres import embedded as embedded_postgres
from infra.runtime import home
home.claim_home(Path(sys.argv[1]), "http://127.0.0.1:3000")
print(embedded_postgres.start(Path(sys.argv[1])), flush=True)
time.sleep(600)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="tenure-test-", dir="/tmp"))  # short: a longer path does not fit a socket
    yield home
    embedded_postgres.stop(home)
    if server := postmaster.find(home / "postgres"):
        postmaster.end(server)
    shutil.rmtree(home)


@pytest.fixture
def owner(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds this home, and has started its database."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def pid(home: Path) -> int:
    server = postmaster.find(home / "postgres")
    assert server is not None
    return server.pid


def eventually(url: str, query: str) -> object:
    """The first value of the first row, as soon as the database answers."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with psycopg.connect(url) as conn:
                cur = conn.execute(query.encode())
                return (cur.fetchone() or (None,))[0] if cur.description else None
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def test_it_starts_again_within_a_second_with_everything_stored(home: Path) -> None:
    url = embedded_postgres.start(home)
    with psycopg.connect(url) as conn:
        conn.execute("create table answers as select 42 as answer")
        for setting, value in {"fsync": "on", "synchronous_commit": "on", "max_connections": "200"}.items():
            assert conn.execute("select current_setting(%s)", (setting,)).fetchone() == (value,)
    embedded_postgres.stop(home)
    assert postmaster.find(home / "postgres") is None

    began = time.monotonic()
    assert embedded_postgres.start(home) == url
    assert time.monotonic() - began < 1 + 2  # one second, and two more for a machine that is busy with other tests
    assert eventually(url, "select answer from answers") == 42


def test_only_its_owner_can_open_the_socket(home: Path) -> None:
    embedded_postgres.start(home)
    assert (home / "postgres").stat().st_mode & 0o077 == 0
    assert (home / "postgres" / postmaster.SOCKET).stat().st_mode & 0o077 == 0
    assert not psutil.Process(pid(home)).net_connections(kind="inet")


def test_a_killed_process_leaves_it_running_and_the_next_attaches(home: Path, owner: subprocess.Popen[str]) -> None:
    before = pid(home)
    owner.kill()
    owner.wait()
    url = embedded_postgres.start(home)
    assert pid(home) == before
    assert eventually(url, "select 1") == 1
    embedded_postgres.stop(home)
    assert postmaster.find(home / "postgres") is None  # the lock of the killed process ended with it


def test_it_runs_on_while_another_process_uses_it(home: Path, owner: subprocess.Popen[str]) -> None:
    before = pid(home)
    embedded_postgres.start(home)
    embedded_postgres.stop(home)
    assert pid(home) == before


def test_a_home_is_claimed_once_and_the_refusal_names_its_holder(home: Path, owner: subprocess.Popen[str]) -> None:
    for _ in range(2):
        with pytest.raises(CannotStart) as refused:
            claim_home(home, "http://127.0.0.1:4000")
        assert str(refused.value) == (
            f"Tenure is already running on this home (process {owner.pid}, http://127.0.0.1:3000). "
            "Stop it, or choose another with TENURE_HOME."
        )
    owner.kill()
    owner.wait()
    claim_home(home, "http://127.0.0.1:4000").release()


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_the_watcher_restarts_it(home: Path, signal_number: signal.Signals) -> None:
    url = embedded_postgres.start(home)
    embedded_postgres.watch(home)
    eventually(url, "create table answers as select 42 as answer")
    before = pid(home)
    os.kill(before, signal_number)
    psutil.wait_procs([psutil.Process(before)] if psutil.pid_exists(before) else [], timeout=10)
    assert eventually(url, "select answer from answers") == 42
    assert pid(home) != before
    embedded_postgres.stop(home)
    assert "embedded-postgres" not in {thread.name for thread in threading.enumerate()}  # the watcher has ended
    assert postmaster.find(home / "postgres") is None  # the watcher did not restart it after the stop


def test_it_recovers_after_it_was_killed_with_its_owner(home: Path, owner: subprocess.Popen[str]) -> None:
    dead = pid(home)
    owner.kill()
    os.kill(dead, signal.SIGKILL)
    url = embedded_postgres.start(home)
    assert pid(home) != dead
    assert eventually(url, "select 1") == 1


def test_a_stale_pid_file_with_the_pid_of_another_program_is_ignored(home: Path) -> None:
    embedded_postgres.start(home)
    file = home / "postgres" / "postmaster.pid"
    text = file.read_text()
    embedded_postgres.stop(home)
    # As after a power cut. PostgreSQL ignores a process that it may not signal, so this one runs as its account.
    other = subprocess.Popen(["sleep", "60"], **subprocess_options(account_for(home / "postgres")))
    try:
        file.write_text(text.replace(text.split("\n")[0], str(other.pid), 1))
        shutil.chown(file, *owner_of(home / "postgres"))
        assert eventually(embedded_postgres.start(home), "select 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def owner_of(path: Path) -> tuple[int, int]:
    return path.stat().st_uid, path.stat().st_gid


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="for root")
def test_root_without_ptrace_finds_it_too(home: Path) -> None:
    script = OWNER.replace("time.sleep(600)", "embedded_postgres.stop(Path(sys.argv[1]))")
    for _ in range(2):
        command = ["setpriv", "--bounding-set=-sys_ptrace", sys.executable, "-c", script, str(home)]
        subprocess.run(command, cwd=ROOT, check=True, timeout=60, capture_output=True)
        assert postmaster.find(home / "postgres") is None


def test_an_interrupted_first_start_does_not_block_the_next(home: Path) -> None:
    (home / "postgres.new" / "base").mkdir(parents=True)
    (home / "postgres.new" / "PG_VERSION").write_text("18\n")
    assert eventually(embedded_postgres.start(home), "select 1") == 1


def test_a_path_too_long_for_a_socket_gets_a_short_one(home: Path) -> None:
    deep = home / ("d" * 60) / ("e f'\"" * 10)
    try:
        url = embedded_postgres.start(deep)
        assert eventually(url, "select 1") == 1
        server = postmaster.find(deep / "postgres")
        assert server is not None and Path(server.sockets).stat().st_mode & 0o777 == 0o700
    finally:
        embedded_postgres.stop(deep)
    assert not Path(server.sockets).exists()


def test_a_path_with_odd_characters_works(home: Path) -> None:
    odd = home / "a b,c\"d'e%2F"
    try:
        assert eventually(embedded_postgres.start(odd), "select 1") == 1
    finally:
        embedded_postgres.stop(odd)


def test_data_of_another_version_is_refused(home: Path) -> None:
    (home / "postgres").mkdir()
    (home / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(CannotStart, match="was written by PostgreSQL 17, and this Tenure brings 18"):
        embedded_postgres.start(home)


def test_a_home_that_cannot_be_written_is_refused(home: Path) -> None:
    (home / "file").write_text("")
    for act in (embedded_postgres.start, lambda path: claim_home(path, "http://127.0.0.1:3000")):
        with pytest.raises(CannotStart, match="cannot be used by .*: not a directory.*TENURE_HOME"):
            act(home / "file" / "home")


def test_an_error_of_postgres_is_passed_on(home: Path) -> None:
    embedded_postgres.start(home)
    embedded_postgres.stop(home)
    with (home / "postgres" / "postgresql.conf").open("a") as conf:
        conf.write("max_connections = few\n")
    with pytest.raises(CannotStart) as refused:
        embedded_postgres.start(home)
    assert "contains errors; see" in str(refused.value)
    assert "few" in (home / "postgres.log").read_text()


@pytest.mark.fault("F51")
@pytest.mark.parametrize("left", [b"", b"\0" * 64, b"\xff\xfe", b"not a pid\n"])
def test_a_pid_file_that_a_power_cut_has_spoilt_does_not_keep_it_from_starting(home: Path, left: bytes) -> None:
    url = embedded_postgres.start(home)
    eventually(url, "create table answers as select 42 as answer")
    embedded_postgres.stop(home)
    file = home / "postgres" / "postmaster.pid"
    file.write_bytes(left)
    shutil.chown(file, *owner_of(home / "postgres"))
    assert eventually(embedded_postgres.start(home), "select answer from answers") == 42


@pytest.mark.fault("F51")
def test_a_spoilt_pid_file_stays_while_a_server_works_on_the_data(home: Path) -> None:
    """A second server would destroy the data."""
    url = embedded_postgres.start(home)
    file = home / "postgres" / "postmaster.pid"
    text, server = file.read_text(), pid(home)
    try:
        file.write_text("")
        with pytest.raises(CannotStart, match="lock file"):
            embedded_postgres.start(home)
        assert file.read_text() == "" and psutil.pid_exists(server)
    finally:
        file.write_text(text)
    assert eventually(url, "select 1") == 1


@pytest.mark.fault("F51")
def test_a_spoilt_pid_file_stays_while_anything_answers_on_the_socket(home: Path) -> None:
    """Such as a server in another container, whose processes cannot be seen from here."""
    embedded_postgres.start(home)
    embedded_postgres.stop(home)
    data = home / "postgres"
    (data / "postmaster.pid").write_text("")
    with socket.socket(socket.AF_UNIX) as unseen:
        unseen.bind(str(data / postmaster.SOCKET))
        unseen.listen()
        with pytest.raises(CannotStart, match="lock file"):
            embedded_postgres.start(home)
    assert (data / "postmaster.pid").read_text() == ""
