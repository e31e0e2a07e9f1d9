"""The command line. Commands import what they need when they run, so that `tenure --help` is there at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from interfaces.cli import audit, keys, machines, regions, sessions, up, users, watch, workspaces
from interfaces.cli.commands import Commands
from interfaces.cli.output import say

app = typer.Typer(
    cls=Commands,
    help="Tenure lends computers for a term. 'tenure up' starts it; nothing else is needed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"Tenure {version('tenure')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=tell_version, help="Say which Tenure this is.")
    ] = False,
) -> None:
    pass


app.command(epilog="Example: tenure up --bind 127.0.0.1:3001 --home /tmp/second")(up.up)
app.command(epilog="Example: tenure worker --database-url postgresql://tenure@db.example.org/tenure")(up.worker)
app.command(epilog="Example: tenure config --json")(up.config)

lent = typer.Typer(cls=Commands, help="Workspaces: ask for them, watch them, give them back.", no_args_is_help=True)
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
    lent.command(name, epilog=f"Example: tenure workspaces {example}")(run)
app.add_typer(lent, name="workspaces")

shared = typer.Typer(cls=Commands, help="Shared terminals: see them, claim them, type into them.", no_args_is_help=True)
SESSIONS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("list", sessions.list_, "list --as olga"),
    ("attach", sessions.attach, "attach main"),
    ("claim", sessions.claim, "claim main --release"),
)
for name, shares, example in SESSIONS:
    shared.command(name, epilog=f"Example: tenure sessions {example}")(shares)
app.add_typer(shared, name="sessions")

programs = typer.Typer(cls=Commands, help="API keys, for programs; and the keys that sign.", no_args_is_help=True)
KEYS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("create", keys.create, "create ci --scope read --expires 30d"),
    ("list", keys.list_, "list --json"),
    ("revoke", keys.revoke, "revoke ci"),
    ("rotate", keys.rotate, "rotate --home ~/.tenure"),
)
for name, opens, example in KEYS:
    programs.command(name, epilog=f"Example: tenure keys {example}")(opens)
app.add_typer(programs, name="keys")

made_from = typer.Typer(cls=Commands, help="Machine configurations: what machines are made from.", no_args_is_help=True)
where = typer.Typer(cls=Commands, help="Regions: the Docker engines that machines run on.", no_args_is_help=True)
PLACE: tuple[tuple[typer.Typer, str, Callable[..., None], str], ...] = (
    (made_from, "list", machines.list_, "machines list --json"),
    (made_from, "set", machines.set_, "machines set small --image lab:1 --cpus 0.5 --memory-mb 256 --port 22"),
    (made_from, "rm", machines.rm, "machines rm small"),
    (where, "list", regions.list_, "regions list --json"),
    (where, "set", regions.set_, "regions set paris ssh://tenure@paris.example.org --host paris.example.org"),
    (where, "rm", regions.rm, "regions rm paris"),
)
for group, name, run, example in PLACE:
    group.command(name, epilog=f"Example: tenure {example}")(run)
app.add_typer(made_from, name="machines")
app.add_typer(where, name="regions")

people = typer.Typer(cls=Commands, help="Accounts for virtual machines.", no_args_is_help=True)
people.command("appoint", epilog="Example: tenure users appoint ada")(users.appoint)
app.add_typer(people, name="users")

trail = typer.Typer(cls=Commands, help="The history, from the database itself.", no_args_is_help=True)
trail.command(epilog="Example: tenure audit log --kind workspace.expired --since 2030-01-16T10:30:00Z")(audit.log)
trail.command(epilog="Example: tenure audit show 550e8400-e29b-41d4-a716-446655440000 --at 2030-01-16T10:30:00Z")(
    audit.show
)
app.add_typer(trail, name="audit")
app.command(epilog="Example: tenure rebuild --home ~/.tenure")(audit.rebuild)
