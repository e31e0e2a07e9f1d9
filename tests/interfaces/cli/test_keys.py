"""`tenure keys`, against a served Tenure. That `rotate` signs nobody out is shown in tests/infra/auth/test_jwt.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.contracts.asking import create
from tests.support.api_keys import exchanged
from tests.support.cli import beside
from tests.support.server import Served


class Shell:
    """Run `tenure` with this Tenure in the environment."""

    def __init__(self, at: Served, **env: str) -> None:
        self.env = {"TENURE_URL": at.url, "TENURE_USER": "alice", **env}

    async def __call__(self, *args: str, fails: bool = False) -> Result:
        result = await beside(*args, **self.env)
        assert result.exit_code == int(fails), result.output
        assert "Traceback" not in result.output
        return result

    async def as_json(self, *args: str) -> Any:
        return json.loads((await self(*args, "--json")).stdout)


@pytest.fixture
def shell(tenure: Served) -> Shell:
    return Shell(tenure)


async def test_what_is_printed_is_the_key_and_nothing_else(tenure: Served, shell: Shell) -> None:
    result = await shell("keys", "create", "ci")
    assert "not told again" in result.stderr
    assert await exchanged(tenure.url, result.stdout.strip())
    assert result.stdout.strip()[13:] not in (await shell("keys", "list")).output


async def test_scopes_and_an_end(shell: Shell) -> None:
    key = await shell.as_json("keys", "create", "ci", "--scope", "read", "--expires", "30d")
    assert key["scopes"] == ["read"] and key["expires_at"] > key["created_at"]
    head, row = (await shell("keys", "list")).stdout.splitlines()
    assert head.split() == ["name", "id", "begins", "with", "scopes", "ends", "last", "used"]
    assert row.split()[:4] == ["ci", key["id"], key["prefix"], "read"] and row.split()[-1] == "never"
    assert "full, read, audit" in (await shell("keys", "create", "ci", "--scope", "king", fails=True)).stderr


async def test_a_key_is_revoked_by_its_name_its_beginning_or_its_id(shell: Shell) -> None:
    for field in ("name", "prefix", "id"):
        key = await shell.as_json("keys", "create", "ci")
        assert f"ci ({key['prefix']}) is revoked" in (await shell("keys", "revoke", key[field])).stdout
    assert "There are none" in (await shell("keys", "list")).stderr
    assert 'called "ci"' in (await shell("keys", "revoke", "ci", fails=True)).stderr


async def test_of_two_with_one_name_it_asks_which(shell: Shell) -> None:
    ids = [(await shell.as_json("keys", "create", "ci"))["id"] for _ in range(2)]
    message = (await shell("keys", "revoke", "ci", fails=True)).stderr
    assert all(id in message for id in ids)
    assert len(await shell.as_json("keys", "list")) == 2


async def test_the_shell_comes_with_a_key(tenure: Served, shell: Shell) -> None:
    key = await shell.as_json("keys", "create", "ci", "--scope", "read")
    async with tenure.client("alice") as alice:
        one = await create(alice)
    program = Shell(tenure, TENURE_API_KEY=key["key"], TENURE_USER="mallory")
    assert [workspace["id"] for workspace in await program.as_json("workspaces", "list")] == [one["id"]]
    assert "read" in (await program("keys", "create", "more", fails=True)).stderr


async def test_rotate_wants_a_database_that_is_there(shell: Shell, tmp_path: Path) -> None:
    assert "no database" in (await shell("keys", "rotate", "--home", str(tmp_path), fails=True)).stderr


async def test_a_secret_that_is_too_short_is_not_repeated(shell: Shell, tmp_path: Path) -> None:
    refusal = (await shell("config", "--sealing-secret", "hunter2", fails=True)).output
    assert "at least 32 characters" in refusal and "hunter2" not in refusal
    output = (await shell("config", "--sealing-secret", "hunter2" * 5)).output
    assert "sealing_secret" in output and "hunter2" not in output
