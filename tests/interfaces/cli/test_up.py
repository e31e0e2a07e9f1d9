"""`tenure up`, `tenure worker` and `tenure config`, as separate processes with their own home directories."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import httpx
import pytest

from infra.settings import Settings
from interfaces.cli.host import Started
from interfaces.cli.up import greeting
from tests.support.cli import Process, alone, processes_of, running, tenure, within
from tests.support.ports import free_port


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up")


@pytest.fixture(scope="module")
def url() -> str:
    return f"http://127.0.0.1:{free_port()}"


def settings(home: Path, url: str) -> dict[str, str]:
    return {"TENURE_HOME": str(home), "TENURE_BIND": url.removeprefix("http://"), "TENURE_MACHINES": "local"}


@pytest.fixture(scope="module")
def up(home: Path, url: str) -> Iterator[Process]:
    with running("up", **settings(home, url)) as process:
        process.until("Ctrl-C stops it.")
        yield process
        for user in ("ann", "bob"):  # machines outlive a server, and would outlive the tests
            listed = json.loads(tenure("workspaces", "list", "--json", "--url", url, "--user", user).stdout)
            ids = [workspace["id"] for workspace in listed]
            assert not ids or tenure("workspaces", "rm", *ids, "--url", url, "--user", user).exit_code == 0
        within(20, lambda: not processes_of(home / "machines"))
        assert process.end() == 0
    assert processes_of(home) == []


def test_it_says_what_it_found(up: Process, home: Path, url: str) -> None:
    output = " ".join(up.output.split())
    assert f"Starting PostgreSQL in {home}" in output
    assert f"serves on {url}" in output
    assert f"API docs {url}/docs" in output
    assert f"local, since no Docker engine is used: directories under {home}/machines" in output
    assert "not walled off, so they are lent on a loopback address only" in output
    assert f"data {home}, with its own PostgreSQL" in output
    assert "you are whoever the header x-user says" in output
    assert "\x1b" not in output  # plain, since this is no terminal
    assert httpx.get(f"{url}/docs").status_code == 200


def test_the_request_that_it_suggests_makes_a_workspace(up: Process, url: str) -> None:
    printed = up.output.partition("try")[2].partition("Ctrl-C")[0]
    program, *args = shlex.split(printed)
    assert program == "curl"
    headers = dict(args[i + 1].split(": ") for i, arg in enumerate(args) if arg == "-H")
    answer = httpx.post(args[-1], headers=headers, content=args[args.index("-d") + 1])
    assert (answer.status_code, answer.json()["owner"], answer.json()["status"]) == (200, "ann", "creating")


@pytest.mark.parametrize(
    ("url", "credential"),
    [("https://lab.example.org", "x-api-key: tnr_..."), ("http://localhost:3000", "x-vm-user: ann")],
)
def test_it_suggests_no_name_where_a_proxy_removes_names(url: str, credential: str) -> None:
    started = Started(
        version="1",
        role="all",
        url=url,
        provider="docker",
        machines="Docker",
        has_tmux=True,
        home="/home",
        database=None,
        push=None,
        dev_header=False,
        proxies="127.0.0.1/32",
        identity_header="X-VM-User",
    )
    assert f"try       curl -H '{credential}'" in greeting(started)


def test_the_command_line_finds_it_by_the_same_settings(up: Process, home: Path, url: str) -> None:
    result = tenure("workspaces", "create", "lab", "--json", "--user", "bob", **settings(home, url))
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (0, "running")
    log = tenure("audit", "log", "--actor", "bob", **settings(home, url))
    assert [line.split()[2] for line in log.stdout.splitlines()] == ["workspace.requested"]
    assert tenure("rebuild", **settings(home, url)).exit_code == 0


def test_a_second_one_on_the_same_home_is_refused(up: Process, home: Path, url: str) -> None:
    elsewhere = {**settings(home, url), "TENURE_BIND": f"127.0.0.1:{free_port()}"}
    result = alone("up", **elsewhere)
    assert result.returncode == 1
    assert result.stderr == (
        f"Tenure is already running on this home (process {up.process.pid}, {url}). "
        "Stop it, or choose another with TENURE_HOME.\n"
    )


def test_an_address_that_is_taken_is_refused(up: Process, tmp_path: Path, url: str) -> None:
    result = alone("up", **settings(tmp_path, url))
    assert result.returncode == 1
    assert "cannot be listened on: address already in use" in result.stderr
    assert processes_of(tmp_path) == []


def test_a_worker_works_beside_it(up: Process, home: Path, url: str) -> None:
    with running("worker", "--home", str(home), "--machines", "local") as worker:
        worker.until("works")
        worker.until("Ctrl-C stops it.")
        assert worker.end(signal.SIGTERM) == 0
        assert "Traceback" not in worker.output
    assert httpx.get(f"{url}/health/ready").status_code == 200


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_in_good_order(tmp_path: Path, signal_number: signal.Signals) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with running("up", **settings(tmp_path, url)) as process:
        process.until("Ctrl-C stops it.")
        with httpx.stream("GET", f"{url}/api/v1/events", headers={"x-user": "ann"}) as stream:
            assert "event: ready" in takewhile(bool, stream.iter_lines())
            assert process.end(signal_number) == 0
    assert process.output_lines[-1] == "Stopped."
    assert "Traceback" not in process.output
    assert processes_of(tmp_path) == []
    log = tenure("audit", "log", **settings(tmp_path, url))  # the data is there, without a server
    assert (log.exit_code, processes_of(tmp_path)) == (0, [])


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_while_it_is_starting(tmp_path: Path, signal_number: signal.Signals) -> None:
    with running("up", **settings(tmp_path, f"http://127.0.0.1:{free_port()}")) as process:
        process.until("Starting PostgreSQL")
        assert process.end(signal_number) == 0
    assert "Traceback" not in process.output
    assert "serves on" not in process.output
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--bind", "nonsense"), "--bind must be HOST:PORT, such as 127.0.0.1:3000 or [::]:3000, not 'nonsense'."),
        (("--role", "boss"), "--role must be 'all', 'api' or 'worker', not 'boss'."),
        (("--templates", "{"), "--templates must be JSON."),
        (("--default-template", "nix"), "--default-template must be one of default, nodejs, python."),
        (("--machines", "local", "--bind", "0.0.0.0:0"), "only, and TENURE_BIND is 0.0.0.0:0. Start Docker; or"),
    ],
)
def test_a_setting_that_cannot_be_used_is_a_sentence(tmp_path: Path, args: tuple[str, ...], sentence: str) -> None:
    result = alone("up", "--home", str(tmp_path), *args)
    assert result.returncode == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert processes_of(tmp_path) == []


def test_a_bad_variable_is_a_sentence(tmp_path: Path) -> None:
    result = alone("up", TENURE_SWEEP_SECONDS="often")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "TENURE_SWEEP_SECONDS must be a number, not 'often'.\n"


def test_templates_may_be_given_as_a_flag() -> None:
    result = tenure("config", "--templates", '{"lab": {"image": "lab:1"}}')
    rows = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    assert [value.split("  ")[0] for name, value in rows if name == "templates"] == ["lab (lab:1)"]


def test_config_says_every_setting_and_its_source(tmp_path: Path) -> None:
    file = tmp_path / "tenure.toml"
    file.write_text('auditors = ["ann"]\n')
    secret = "postgresql://tenure:secret@db/tenure"
    result = tenure("config", "--json", "--role", "api", "--config", str(file), TENURE_DATABASE_URL=secret)
    values = {row["name"]: (row["value"], row["source"]) for row in json.loads(result.stdout)}
    assert set(values) == set(Settings.model_fields)
    assert values["role"] == ("api", "flag")
    assert values["auditors"] == ("ann", "file")
    assert values["database_url"] == ("postgresql://tenure:***@db/tenure", "environment")
    assert values["bind"] == ("127.0.0.1:3000", "default")
    table = tenure("config").stdout.splitlines()
    assert [line.split()[0] for line in table] == ["setting", *Settings.model_fields]


def test_every_setting_is_an_option_that_is_explained() -> None:
    framed = tenure("up", "--help", TERMINAL_WIDTH="200", COLUMNS="200").stdout
    helped = " ".join(framed.replace("│", " ").split())  # a long description goes on in the next line of its frame
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')} " in helped
        assert str(field.description) in helped
    assert "--role all|api|worker what this process does" in helped


def test_every_command_has_help_with_an_example() -> None:
    names = ["up", "worker", "config", "rebuild", "audit log", "audit show"]
    verbs = ("create", "list", "show", "watch", "rm", "extend", "start", "stop", "restart")
    names += [f"workspaces {verb}" for verb in verbs]
    for name in names:
        helped = tenure(*name.split(), "--help").stdout
        assert f"Example: tenure {name}" in helped
        assert helped.index("Usage") < helped.index("Example")


def test_listing_the_commands_imports_nothing_heavy() -> None:
    heavy = {"fastapi", "psycopg", "pydantic", "httpx", "uvicorn", "eventsourcing", "rich.console"}
    code = f"import sys, infra.process.main; print({heavy!r} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def test_where_there_is_no_database_nothing_is_made(tmp_path: Path) -> None:
    result = tenure("audit", "log", "--home", str(tmp_path / "none"))
    assert result.exit_code == 1
    assert result.stderr == f"There is no database in {tmp_path}/none. Name another home with --home.\n"
    assert list(tmp_path.iterdir()) == []
