"""cli.md: every `tenure` command, with its arguments and options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from docs.generate.markdown import code, document, prose, table
from infra.settings import Settings
from interfaces.cli import app

INTRODUCTION = """
A command prints for people; with `--json` it prints JSON for programs. What went wrong is one sentence on the standard
error, and the exit code is then 1; a command that was called wrongly ends with 2, and one that Ctrl-C or SIGTERM has
ended with 130. `tenure COMMAND --help` shows the same as this page.

Commands that talk to a server send the API key in `TENURE_API_KEY` where there is one, and else a name. Those with the
setting `--database-url` work on the database itself, and need no server.
"""
EVERY_SETTING = "Every [setting](settings.md) is an option"


def page() -> str:
    main: Any = typer.main.get_command(app)
    parts = [INTRODUCTION]
    for words, command in commands(main, ("tenure",)):
        parts += [f"## {code(' '.join(words))}", prose(command.help)]
        if not hasattr(command, "commands"):
            options_table = table(("argument or option", "variable", "meaning"), map(row, arguments(command)))
            parts += [f"`{usage(words, command)}`", options_table, settings_of(command), example(command)]
    return document("Commands", *parts)


def commands(group: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command below a group, and the groups themselves, with the words that call it."""
    for name, command in group.commands.items():
        yield (*words, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))


def arguments(command: Any) -> list[Any]:
    """What is written after a command, but for settings: those are options that the command makes when it runs."""
    return [param for param in command.params if param.name != "flags" and not getattr(param, "hidden", False)]


def is_option(param: Any) -> bool:
    return str(param.opts[0]).startswith("-")


def usage(words: tuple[str, ...], command: Any) -> str:
    needed = [metavar(param) for param in arguments(command) if not is_option(param)]
    options = ["[OPTIONS]"] if len(needed) < len(arguments(command)) or takes(command) else []
    return " ".join([*words, *options, *needed])


def metavar(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def row(param: Any) -> tuple[str, str, str]:
    if not is_option(param):
        return code(metavar(param)), "", param.help or ""
    value = "" if param.is_flag else f" {param.metavar or 'VALUE'}"
    default = "" if param.is_flag or param.default in (None, (), 0) else f"; default {code(param.default)}"
    return code(", ".join(param.opts) + value), code(param.envvar or ""), f"{param.help or ''}{default}"


def example(command: Any) -> str:
    head, _, line = prose(command.epilog).partition(": ")
    return f"{head}: {code(line)}" if line else head


def takes(command: Any) -> list[str]:
    """The settings that a command takes as options."""
    takes_setting = getattr(command.callback, "takes", None)
    return [name for name in Settings.model_fields if takes_setting(name)] if takes_setting else []


def settings_of(command: Any) -> str:
    names = takes(command)
    left_out = [code(f"--{name}") for name in Settings.model_fields if name not in names]
    if not names:
        return ""
    if not left_out:
        return f"{EVERY_SETTING}."
    if len(left_out) < len(names):
        return f"{EVERY_SETTING}, but for {' and '.join(left_out)}."
    return f"[Settings](settings.md): {', '.join(code('--' + name.replace('_', '-')) for name in names)}."
