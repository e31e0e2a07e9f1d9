"""Every command that fails says why in one sentence, and ends with a status other than 0."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from interfaces.cli import app
from tests.support.cli import alone, tenure
from tests.support.ports import free_port

ARGUMENTS = {  # for parameters that are needed, by the name in the function
    "by": "1h",
    "holder": "viewer",
    "limits": "workspaces=5",
    "engine": "unix:///nowhere.sock",
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "ids": "550e8400-e29b-41d4-a716-446655440000",
    "image": "lab:1",
    "key": "ci",
    "name": "small",
    "session": "main",
}
SERVERS = (("up",), ("worker",))  # these change the process that they run in
NEVER_FAIL = {("config",)}  # it only prints the settings; a bad one is tried below


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def call(words: tuple[str, ...], command: Any) -> list[str]:
    """The words with an argument for every parameter that is needed."""
    args = list(words)
    for param in command.params:
        if param.required and param.name != "flags":
            option = [param.opts[0]] if param.opts[0].startswith("-") else []
            args += [*option, ARGUMENTS[param.name]]
    return args


@pytest.mark.fault("F5")
@pytest.mark.parametrize("words", sorted(COMMANDS.keys() - NEVER_FAIL), ids=" ".join)
def test_a_command_that_fails_says_so(words: tuple[str, ...], tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    home = tmp_path / "a file"
    home.write_text("no home can be here")
    env = {"TENURE_URL": f"http://{nowhere}", "TENURE_HOME": str(home), "TENURE_USER": "olga", "TENURE_BIND": nowhere}
    if words in SERVERS:
        process = alone(*call(words, COMMANDS[words]), **env)
        status, errors = process.returncode, process.stderr
    else:
        result = tenure(*call(words, COMMANDS[words]), **env)
        status, errors = result.exit_code, result.stderr
    assert status == 1, (status, errors)
    assert errors.strip() and "Traceback" not in errors


@pytest.mark.parametrize("words", sorted(COMMANDS), ids=" ".join)
def test_a_command_that_is_called_wrongly_says_so(words: tuple[str, ...]) -> None:
    result = tenure(*words, "--no-such-option")
    assert result.exit_code == 2 and "no-such-option" in result.stderr


def test_a_setting_that_cannot_be_used_is_a_failure() -> None:
    result = tenure("config", "--role", "boss")
    assert result.exit_code == 1 and result.stderr
