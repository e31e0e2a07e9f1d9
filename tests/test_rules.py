"""What everybody keeps to, held by tools and not by reviews."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.support import import_graph

ROOT = Path(__file__).parents[1]
NO_CONTRACTS = {"cli", "http", "vendor"}  # among the folders of interfaces/
PACKAGES = ("domain", "application", "projections", "interfaces", "infra")


@cache
def project() -> dict[str, dict[str, object]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def run(*command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, input=stdin, capture_output=True, text=True, check=False
    )


def test_the_dependency_rule() -> None:
    # In a process of its own: it turns off the loggers of whoever calls it.
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_ruff_finds_nothing() -> None:
    result = run("ruff", "check", "--no-cache", "--output-format=concise", ".")
    assert result.returncode == 0, result.stdout


def test_ruff_would_format_nothing_otherwise() -> None:
    result = run("ruff", "format", "--check", "--no-cache", ".")
    assert result.returncode == 0, result.stdout


def test_no_circle_among_files() -> None:
    assert not import_graph.circle(import_graph.imports())


def test_no_circle_among_packages() -> None:
    assert not import_graph.circle(import_graph.packages(import_graph.imports()))


def test_mypy_finds_nothing() -> None:
    result = run("mypy", "--no-error-summary")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "line",
    [
        "from datetime import datetime\n\ndatetime.now()",
        "import datetime\n\ndatetime.datetime.utcnow()",
        "import time\n\ntime.time()",
        "from time import time\n\ntime()",
        "from uuid import uuid4\n\nuuid4()",
        "import uuid\n\nuuid.uuid1()",
        "import random\n\nrandom.random()",
        "from secrets import token_hex\n\ntoken_hex()",
        "import os\n\nos.urandom(8)",
    ],
)
def test_time_ids_and_chance_come_through_ports(line: str) -> None:
    for path, banned in {"domain/x.py": True, "interfaces/a/x.py": True, "infra/x.py": False}.items():
        result = run("ruff", "check", "--no-cache", "--select=TID251", "--stdin-filename", path, "-", stdin=line)
        assert ("TID251" in result.stdout) is banned, result.stdout


def test_what_is_shipped_is_what_the_rule_speaks_of() -> None:
    linter = project()["tool"]["importlinter"]
    assert isinstance(linter, dict)
    assert tuple(linter["root_packages"]) == PACKAGES
    assert all((ROOT / package / "__init__.py").exists() for package in PACKAGES)


def test_every_contract_is_held_apart_from_the_others() -> None:
    linter = project()["tool"]["importlinter"]
    assert isinstance(linter, dict)
    (apart,) = [c["modules"] for c in linter["contracts"] if c["type"] == "independence"]
    folders = {p.parent.name for p in (ROOT / "interfaces").glob("*/__init__.py")} - NO_CONTRACTS
    assert {f"interfaces.{name}" for name in folders} == set(apart)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-runtime.lock", "requirements-vm.lock"])
def test_the_locks_hold_versions_and_hashes_and_name_no_place(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.findall(r"://|^-|/\w+/|localhost", text, re.MULTILINE)
    pinned = re.split(r"\n(?=\S)", re.sub(r"^ *#.*\n?", "", text, flags=re.MULTILINE).strip())
    assert pinned and all(re.match(r"[\w.-]+==\S+", one) and "--hash=sha256:" in one for one in pinned)


def test_the_lock_covers_what_is_asked_for() -> None:
    settings = project()["project"]
    requirements = [*settings["dependencies"], *settings["optional-dependencies"]["test"]]  # type: ignore[misc,index]
    names = {re.split(r"[\[<>=!~ ]", one)[0].lower() for one in requirements}
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert names <= locked, "run make lock"


def test_compose_can_be_given_every_image() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    services = yaml.safe_load(text)["services"]
    assert set(services) == {"postgres", "redis", "api", "worker"}
    for service in services.values():
        assert re.fullmatch(r"\$\{[A-Z_]+:-[^}]+\}", service["image"])
        assert "healthcheck" in service or service["environment"]["TENURE_ROLE"] == "api"  # that is the image's
    for name in re.findall(r"\$\{(TENURE_\w+)", text):
        assert name in COMPOSE_ONLY or name.removeprefix("TENURE_").lower() in settings_names()
    (base,) = re.findall(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert services["api"]["build"]["args"]["BASE"] == f"${{TENURE_BASE_IMAGE:-{base}}}"


COMPOSE_ONLY = {"TENURE_IMAGE", "TENURE_BASE_IMAGE", "TENURE_PUBLISH", "TENURE_SUBNET", "TENURE_GATEWAY"}


def settings_names() -> set[str]:
    from infra.settings import Settings

    return set(Settings.model_fields)


def test_the_example_names_settings_that_exist() -> None:
    example = (ROOT / ".env.example").read_text()
    assert not re.findall(r"^[^#\n]", example, re.MULTILINE), "copied as it is, it changes nothing"
    for name in re.findall(r"^#(TENURE_\w+)=", example, re.MULTILINE):
        assert name in COMPOSE_ONLY or name.removeprefix("TENURE_").lower() in settings_names()


@pytest.mark.skipif(os.name != "posix", reason="make")
def test_make_says_what_it_can_do() -> None:
    printed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "test", "bench", "lint", "contracts", "docs", "lock", "image", "clean"):
        assert f"make {target} " in printed
