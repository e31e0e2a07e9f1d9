"""`tenure up`, `tenure worker` and `tenure config`."""

from __future__ import annotations

import typer

from interfaces.cli.commands import takes_settings
from interfaces.cli.host import Flags, Started, World
from interfaces.cli.output import AsJson, say, show_json, table

BODY = '{"name": "lab", "ttl_seconds": 3600}'


@takes_settings()
def up(ctx: typer.Context, flags: Flags) -> None:
    """Start Tenure: its database, its workers and its web server, until Ctrl-C."""
    serve(ctx.obj, flags)


@takes_settings(without=("role", "bind"))
def worker(ctx: typer.Context, flags: Flags) -> None:
    """Start a Tenure that works and serves nothing: more hands for one that does, on the same database."""
    serve(ctx.obj, flags | {"role": "worker"})


def serve(world: World, flags: Flags) -> None:
    world.up(flags, say, lambda started: say(greeting(started)))
    say("Stopped.")


def greeting(it: Started) -> str:
    """What to know about a Tenure that has just started."""
    serves = it.role != "worker"
    told = [("API docs", f"{it.url}/docs")] if serves else []
    told += [
        ("machines", "\n".join(machines(it)) if it.role != "api" else "made by the workers"),
        ("data", f"{it.home}, with its own PostgreSQL" if it.database is None else it.database),
        ("push", it.push or "in this process"),
    ]
    if serves:
        told += [("you are", who(it)), ("sign in", sign_in(it)), ("try", first_request(it))]
    head = f"Tenure {it.version} serves on {it.url}" if serves else f"Tenure {it.version} works"
    lines = [typer.style(head, bold=True), ""]
    for name, text in told:
        first, *more = text.splitlines()
        lines += [f"  {name:<10}{first}", *(f"  {'':<10}{line}" for line in more)]
    return "\n".join([*lines, "", "Ctrl-C stops it."])


def machines(it: Started) -> list[str]:
    if it.provider != "local":
        return [f"containers of {it.machines}"]
    told = [
        f"local, since no Docker engine is used: directories under {it.machines} and processes of this",
        "machine in tmux. They are not walled off, so they are lent on a loopback address only.",
    ]
    return told if it.has_tmux else [*told, "tmux is not installed, so they have no terminals."]


def who(it: Started) -> str:
    by_proxy = f"X-VM-User, from a proxy at {it.proxies}"
    return f"whoever the header x-user says; or {by_proxy}" if it.dev_header else f"whoever says {by_proxy}"


def sign_in(it: Started) -> str:
    if it.signs_in:
        return ", ".join(f"{it.url}/auth/{name}" for name in it.signs_in)
    if it.dev_login:
        return f"{it.url}/auth/dev?name=ann  with a name alone, for development: no provider is configured"
    return "nobody can: set TENURE_GITHUB_CLIENT_ID, TENURE_GOOGLE_CLIENT_ID or TENURE_OIDC_ISSUER"


def first_request(it: Started) -> str:
    name = "x-user" if it.dev_header else "x-vm-user"
    headers = f"-H '{name}: ann' -H 'content-type: application/json'"
    return f"curl {headers} \\\n  -d '{BODY}' {it.url}/api/v1/workspaces"


@takes_settings()
def config(ctx: typer.Context, flags: Flags, as_json: AsJson = False) -> None:
    """Every setting, its value, and where it came from."""
    rows = ctx.obj.explain(flags)
    if as_json:
        show_json([dict(zip(("name", "value", "source"), row, strict=True)) for row in rows])
    else:
        table(("setting", "value", "source"), rows)
