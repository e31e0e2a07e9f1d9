"""`tenure workspaces`, against a served Tenure."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.support.cli import beside, running
from tests.support.cli import tenure as command
from tests.support.fake_engine import Engine
from tests.support.ports import free_port
from tests.support.server import Served, eventually, served


class Shell:
    """Run `tenure workspaces` with this Tenure in the environment."""

    def __init__(self, at: Served, user: str = "alice") -> None:
        self.env = {"TENURE_URL": at.url, "TENURE_USER": user}

    async def __call__(self, *args: str) -> Result:
        return await beside("workspaces", *args, **self.env)

    async def as_json(self, *args: str) -> Any:
        """Run a command with --json and parse what it prints."""
        result = await self(*args, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    async def refused(self, *args: str) -> str:
        """Run a command that must fail, and return its error message."""
        result = await self(*args)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "Traceback" not in result.stderr
        return result.stderr


@pytest.fixture
def shell(tenure: Served) -> Shell:
    return Shell(tenure)


async def test_create_waits_until_it_runs(shell: Shell, tenure: Served) -> None:
    workspace = await shell.as_json("create", "lab", "--template", "python", "--ttl", "1h30m")
    assert (workspace["name"], workspace["status"], workspace["template"], workspace["ttl_seconds"]) == (
        "lab",
        "running",
        "python",
        5400,
    )
    assert [str(id) for id in tenure.engine.machines] == [workspace["id"]]


async def test_create_in_words(shell: Shell) -> None:
    result = await shell("create", "lab")
    assert result.exit_code == 0
    fields = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert (fields["name"], fields["owner"], fields["status"]) == ("lab", "alice", "running")
    assert fields["ssh_command"] == "vm ssh lab"
    assert f"creating lab ({fields['id']})" in result.stderr


async def test_create_without_waiting(shell: Shell, tenure: Served) -> None:
    tenure.engine.away = True
    assert (await shell.as_json("create", "lab", "--no-wait"))["status"] == "creating"


async def test_a_creation_that_fails_says_why(shell: Shell, tenure: Served) -> None:
    tenure.engine.refuses = "the image is not to be had"
    assert "has failed: the image is not to be had" in await shell.refused("create", "lab")


async def test_while_it_waits_it_says_what_for(shell: Shell, tenure: Served) -> None:
    tenure.engine.away = True
    creating = asyncio.create_task(shell("create", "lab"))

    async with tenure.client() as alice:

        async def is_put_off() -> bool:
            listed = (await alice.get("/api/v1/workspaces")).json()
            return bool(listed) and listed[0]["metadata"] is not None

        await eventually(is_put_off)
        tenure.engine.away = False
    result = await creating
    assert result.exit_code == 0
    assert "waiting: the engine does not answer" in result.stderr


async def test_what_is_deleted_while_it_waits_is_gone(shell: Shell, tenure: Served) -> None:
    tenure.engine.away = True
    creating = asyncio.create_task(shell.refused("create", "lab"))
    async with tenure.client() as alice:

        async def listed() -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = (await alice.get("/api/v1/workspaces")).json()
            return rows

        workspaces = await eventually(listed)
        await alice.delete(f"/api/v1/workspaces/{workspaces[0]['id']}")
    assert "is gone: it was deleted meanwhile" in await creating


async def test_the_same_key_is_the_same_workspace_and_nothing_waits_for_what_has_been(shell: Shell) -> None:
    first = await shell.as_json("create", "lab", "--key", "k1")
    assert await shell.as_json("create", "lab", "--key", "k1") == first
    assert len(await shell.as_json("list")) == 1


async def test_a_name_is_as_good_as_an_id(shell: Shell) -> None:
    id = (await shell.as_json("create", "lab"))["id"]
    assert (await shell.as_json("show", "lab"))["id"] == id
    assert (await shell.as_json("show", id))["id"] == id
    assert (await shell.as_json("stop", "lab"))["status"] == "stopped"
    assert (await shell.as_json("start", "lab"))["status"] == "running"
    assert (await shell.as_json("restart", id))["status"] == "running"
    result = await shell("rm", "lab")
    assert result.stdout == f"lab ({id}) is deleted\n"
    assert await shell.as_json("list") == []


async def test_an_operation_without_waiting(shell: Shell, tenure: Served) -> None:
    await shell("create", "lab")
    tenure.engine.away = True
    assert (await shell.as_json("stop", "lab", "--no-wait"))["metadata"] == {"operation": "stop"}
    assert "status        running (stop under way)" in (await shell("show", "lab")).stdout


async def test_a_name_that_two_have_names_neither(shell: Shell) -> None:
    ids = [(await shell.as_json("create", "lab", "--no-wait"))["id"] for _ in range(2)]
    message = await shell.refused("rm", "lab")
    assert '2 workspaces are called "lab"' in message
    assert all(id in message for id in ids)
    assert len(await shell.as_json("list")) == 2


async def test_a_name_that_none_has_lists_those_that_there_are(shell: Shell) -> None:
    await shell("create", "lab", "--no-wait")
    message = await shell.refused("show", "bal")
    assert message == 'No workspace of yours is called "bal"; there are: lab\n'


async def test_of_several_none_is_removed_when_one_is_not_known(shell: Shell) -> None:
    await shell("create", "lab", "--no-wait")
    await shell.refused("rm", "lab", "bal")
    assert [workspace["name"] for workspace in await shell.as_json("list")] == ["lab"]


async def test_one_that_cannot_be_removed_does_not_keep_the_others(shell: Shell) -> None:
    id = (await shell.as_json("create", "lab"))["id"]
    elsewhere = "00000000-0000-4000-8000-00000000dead"
    result = await shell("rm", elsewhere, "lab")
    assert (result.exit_code, result.stdout) == (1, f"lab ({id}) is deleted\n")
    assert result.stderr == f"{elsewhere}: no such workspace\n"


async def test_what_is_another_s_is_not_there(shell: Shell, tenure: Served) -> None:
    id = (await shell.as_json("create", "lab", "--no-wait"))["id"]
    assert await Shell(tenure, "bob").refused("show", id) == "no such workspace\n"


async def test_the_list_says_in_how_long_each_ends(shell: Shell) -> None:
    empty = await shell("list")
    assert (empty.stdout, empty.stderr) == ("", "There are none. Make one: tenure workspaces create NAME\n")
    await shell("create", "lasting", "--no-wait")
    await shell("create", "lab", "--ttl", "2d")
    head, lab, lasting = (await shell("list")).stdout.splitlines()
    assert head.split() == ["name", "id", "status", "template", "ends"]
    assert lab.split()[0] == "lab" and lab.endswith(("in 2d", "in 1d23h"))
    assert lasting.split()[0] == "lasting" and lasting.endswith("when deleted")


async def test_extending(shell: Shell) -> None:
    workspace = await shell.as_json("create", "lab", "--ttl", "1h")
    longer = await shell.as_json("extend", "lab", "30m")
    assert longer["ttl_seconds"] == workspace["ttl_seconds"] + 1800
    result = await shell("extend", "lab", "1d")
    assert result.stdout.startswith("lab ends at 2")


async def test_a_duration_that_is_none_is_told_how_to_write(shell: Shell) -> None:
    result = await shell("create", "lab", "--ttl", "tomorrow")
    assert result.exit_code == 2
    assert "is no duration" in result.stderr


async def test_what_the_server_refuses_is_said_in_its_words(shell: Shell) -> None:
    message = await shell.refused("create", "lab", "--template", "nix")
    assert message.startswith("there is no template") and "python" in message


def test_nobody_answers() -> None:
    result = command("workspaces", "list", "--url", "http://127.0.0.1:9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Tenure does not answer at http://127.0.0.1:9; start it with `make run` or `tenure up`, "
        "or name another with --url\n"
    )


@pytest.mark.parametrize("url", ["nonsense", "http://[", "ftp://127.0.0.1"])
def test_an_address_that_is_none(url: str) -> None:
    result = command("workspaces", "list", "--url", url)
    assert result.exit_code == 1
    assert "no address" in result.stderr


async def test_without_a_url_it_asks_where_the_settings_say(shell: Shell, tenure: Served) -> None:
    bind = tenure.url.removeprefix("http://")
    result = await beside("workspaces", "list", "--json", TENURE_URL=None, TENURE_BIND=bind, TENURE_USER="alice")
    assert json.loads(result.stdout) == []


async def test_watching_one_from_creation_to_its_end(shell: Shell, tenure: Served) -> None:
    id = (await shell.as_json("create", "lab"))["id"]
    with running("workspaces", "watch", "lab", "--json", **shell.env) as watching:
        await asyncio.to_thread(watching.until, "Watching lab")
        await shell("extend", "lab", "1h")  # it has no term: refused, and so not told
        await shell("stop", "lab")
        await shell("rm", "lab")
        assert await asyncio.to_thread(watching.wait) == 0
    events = [json.loads(line) for line in watching.output_lines if line.startswith("{")]
    assert [event["kind"].removeprefix("workspace.") for event in events] == [
        "operation_requested",
        "stopped",
        "deleted",
        "destroyed",
    ]
    assert {event["subject"] for event in events} == {id}


async def test_watching_goes_on_after_the_last_event_when_a_server_comes_back(database: str, tmp_path: Path) -> None:
    port, engine = free_port(), Engine()
    with ExitStack() as watched:
        async with served(database, tmp_path, engine, port=port) as first:
            shell = Shell(first)
            watching = watched.enter_context(running("workspaces", "watch", "--json", **shell.env))
            await asyncio.to_thread(watching.until, "Watching your workspaces")
            await shell("create", "lab")
            await asyncio.to_thread(watching.until, "workspace.provisioned")
        async with served(database, tmp_path, engine) as elsewhere:
            await Shell(elsewhere)("rm", "lab")
        async with served(database, tmp_path, engine, port=port) as again, again.client() as alice:
            await asyncio.to_thread(watching.until, "workspace.destroyed")
            ndjson = (await alice.get("/api/v1/audit/events", headers={"accept": "application/x-ndjson"})).text
        assert "coming back" in watching.output
        positions = [json.loads(line)["position"] for line in watching.output_lines if line.startswith("{")]
        assert positions == [json.loads(line)["position"] for line in ndjson.splitlines()]


async def test_watching_in_words_ends_with_ctrl_c(shell: Shell) -> None:
    with running("workspaces", "watch", **shell.env) as watching:
        await asyncio.to_thread(watching.until, "Watching your workspaces")
        await shell("create", "lab")
        line = await asyncio.to_thread(watching.until, "workspace.provisioned")
        assert line.split()[1:3] == ["workspace.provisioned", "lab"]
        assert await asyncio.to_thread(watching.end) == 130
        assert "Traceback" not in watching.output
