"""The command line: its commands, their output, and a client of the HTTP API.

Nothing here may import infra: `host.py` says what the host provides. Commands import large modules when they run, so
that `tenure --help` is fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from interfaces.cli import (
    audit,
    keys,
    login,
    machines,
    orphans,
    owner,
    quotas,
    regions,
    sessions,
    up,
    users,
    watch,
    work,
    workspaces,
)
from interfaces.cli.commands import Commands
from interfaces.cli.output import say

app = typer.Typer(
    cls=Commands,
    help="Tenure lends computers for a term. 'tenure up' starts it; nothing else is needed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def print_version(requested: bool) -> None:
    """Print the version and exit, if the option is set."""
    if requested:
        from importlib.metadata import version

        say(f"Tenure {version('tenure')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command(epilog="Example: tenure up --bind 127.0.0.1:3001 --home /tmp/second")(up.up)
app.command(epilog="Example: tenure worker --database-url postgresql://tenure@db.example.org/tenure")(up.worker)
app.command(epilog="Example: tenure config --json")(up.config)

app.command(epilog="Example: tenure login --url https://lab.example.org")(login.login)
app.command(epilog="Example: tenure logout --url https://lab.example.org")(login.logout)

workspace_commands = typer.Typer(
    cls=Commands, help="Workspaces: create, watch, extend and delete them.", no_args_is_help=True
)
for name, run, example in (
    ("create", workspaces.create, "create lab --template python --ttl 1h30m"),
    ("list", workspaces.list_, "list --json"),
    ("show", workspaces.show, "show lab"),
    ("watch", watch.watch, "watch lab"),
    ("rm", workspaces.rm, "rm lab 550e8400-e29b-41d4-a716-446655440000"),
    ("extend", workspaces.extend, "extend lab 30m"),
    ("start", workspaces.start, "start lab"),
    ("stop", workspaces.stop, "stop lab --no-wait"),
    ("restart", workspaces.restart, "restart lab"),
):
    workspace_commands.command(name, epilog=f"Example: tenure workspaces {example}")(run)
app.add_typer(workspace_commands, name="workspaces")

session_commands = typer.Typer(
    cls=Commands, help="Shared terminals: list them, claim them, type into them.", no_args_is_help=True
)
SESSIONS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("list", sessions.list_, "list --as olga"),
    ("attach", sessions.attach, "attach main"),
    ("claim", sessions.claim, "claim main --release"),
)
for name, session_command, example in SESSIONS:
    session_commands.command(name, epilog=f"Example: tenure sessions {example}")(session_command)
app.add_typer(session_commands, name="sessions")

key_commands = typer.Typer(
    cls=Commands, help="API keys for programs, and the keys that sign tokens.", no_args_is_help=True
)
KEYS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("create", keys.create, "create ci --scope read --expires 30d"),
    ("list", keys.list_, "list --json"),
    ("revoke", keys.revoke, "revoke ci"),
    ("rotate", keys.rotate, "rotate --home ~/.tenure"),
)
for name, key_command, example in KEYS:
    key_commands.command(name, epilog=f"Example: tenure keys {example}")(key_command)
app.add_typer(key_commands, name="keys")

quota_commands = typer.Typer(cls=Commands, help="Quotas: how much users may hold.", no_args_is_help=True)
QUOTAS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("show", quotas.show, "show"),
    ("list", quotas.list_, "list --json"),
    ("set", quotas.set_, "set viewer workspaces=5 keys=default"),
)
for name, quota_command, example in QUOTAS:
    quota_commands.command(name, epilog=f"Example: tenure quotas {example}")(quota_command)
app.add_typer(quota_commands, name="quotas")

machine_commands = typer.Typer(
    cls=Commands, help="Machine configurations: what machines are made from.", no_args_is_help=True
)
region_commands = typer.Typer(
    cls=Commands, help="Regions: the Docker engines that machines run on.", no_args_is_help=True
)
CATALOGUE: tuple[tuple[typer.Typer, str, Callable[..., None], str], ...] = (
    (machine_commands, "list", machines.list_, "machines list --json"),
    (machine_commands, "set", machines.set_, "machines set small --image lab:1 --cpus 0.5 --memory-mb 256 --port 22"),
    (machine_commands, "rm", machines.rm, "machines rm small"),
    (region_commands, "list", regions.list_, "regions list --json"),
    (region_commands, "set", regions.set_, "regions set paris ssh://tenure@paris.example.org --host paris.example.org"),
    (region_commands, "rm", regions.rm, "regions rm paris"),
)
for group, name, run, example in CATALOGUE:
    group.command(name, epilog=f"Example: tenure {example}")(run)
app.add_typer(machine_commands, name="machines")
app.add_typer(region_commands, name="regions")

work_commands = typer.Typer(cls=Commands, help="Work that failed too often and is parked.", no_args_is_help=True)
WORK: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("list", work.list_, "list --json"),
    ("retry", work.retry, "retry 550e8400-e29b-41d4-a716-446655440000"),
    ("drop", work.drop, "drop 550e8400-e29b-41d4-a716-446655440000"),
)
for name, work_command, example in WORK:
    work_commands.command(name, epilog=f"Example: tenure work {example}")(work_command)
app.add_typer(work_commands, name="work")
orphan_commands = typer.Typer(
    cls=Commands, help="Machines on the engines that the log does not know.", no_args_is_help=True
)
ORPHANS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("list", orphans.list_, "list --as olga"),
    ("adopt", orphans.adopt, "adopt 550e8400-e29b-41d4-a716-446655440000 --name lab"),
    ("destroy", orphans.destroy, "destroy 550e8400-e29b-41d4-a716-446655440000"),
)
for name, orphan_command, example in ORPHANS:
    orphan_commands.command(name, epilog=f"Example: tenure orphans {example}")(orphan_command)
app.add_typer(orphan_commands, name="orphans")

user_commands = typer.Typer(cls=Commands, help="Accounts for virtual machines.", no_args_is_help=True)
user_commands.command("appoint", epilog="Example: tenure users appoint ada")(users.appoint)
app.add_typer(user_commands, name="users")

owner_commands = typer.Typer(cls=Commands, help="Who owns the installation.", no_args_is_help=True)
owner_commands.command("set", epilog="Example: tenure owner set ada")(owner.set_)
app.add_typer(owner_commands, name="owner")

audit_commands = typer.Typer(cls=Commands, help="The history, read from the database itself.", no_args_is_help=True)
audit_commands.command(epilog="Example: tenure audit log --kind workspace.expired --since 2030-01-16T10:30:00Z")(
    audit.log
)
audit_commands.command(
    epilog="Example: tenure audit show 550e8400-e29b-41d4-a716-446655440000 --at 2030-01-16T10:30:00Z"
)(audit.show)
app.add_typer(audit_commands, name="audit")
app.command(epilog="Example: tenure rebuild --home ~/.tenure")(audit.rebuild)
