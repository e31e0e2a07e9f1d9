"""`tenure workspaces`: what a person does with workspaces, over the same API that every other client has."""

from __future__ import annotations

import getpass
import os
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interfaces.cli import durations
from interfaces.cli.host import Stop
from interfaces.cli.output import AsJson, line_json, note, plain_time, say, show_json, table

if TYPE_CHECKING:
    from interfaces.cli.client import Client

DOING = {"start": "starting", "stop": "stopping", "restart": "restarting"}
HERE = "Where, and as whom"
KEY = "TENURE_API_KEY"  # no option: what is in a command can be read by everybody on the machine
Url = Annotated[
    str | None,
    typer.Option(envvar="TENURE_URL", help="the server; none: what the settings say", rich_help_panel=HERE),
]
User = Annotated[
    str | None,
    typer.Option(
        envvar="TENURE_USER",
        help=f"who you are, without an API key in {KEY}; none: your login name",
        rich_help_panel=HERE,
    ),
]
Named = Annotated[str, typer.Argument(metavar="ID", help="its id, or its name if only one of yours has it")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="do not wait until it is done")]
Ttl = Annotated[
    int | None,
    typer.Option(parser=durations.seconds, metavar="DURATION", help="until it ends: 90, 15m, 1h30m, 3d"),
]
By = Annotated[int, typer.Argument(parser=durations.seconds, metavar="DURATION", help="90, 15m, 1h30m, 3d")]


def connect(ctx: typer.Context, url: str | None, user: str | None) -> Client:
    from interfaces.cli.client import Client

    try:
        who = user or getpass.getuser()
    except (KeyError, OSError):
        raise Stop("It is not known who you are; say it with --user") from None
    return Client(url or ctx.obj.url(), who, os.environ.get(KEY))


def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="what to call it")],
    template: Annotated[str | None, typer.Option(help="what it is made from; none: the default")] = None,
    ttl: Ttl = None,
    key: Annotated[str | None, typer.Option(help="the same key again answers the same workspace")] = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Ask for a workspace, and wait until it runs."""
    from interfaces.cli.progress import done

    client = connect(ctx, url, user)
    body = {"name": name, "template": template, "ttl_seconds": ttl}
    headers = {"idempotency-key": key} if key else {}
    present(done(client, f"creating {name}", "workspaces", body, headers, wait=not no_wait), as_json)


def operate(ctx: typer.Context, operation: str, named: str, no_wait: bool) -> dict[str, Any]:
    from interfaces.cli.progress import done

    client = connect(ctx, ctx.params["url"], ctx.params["user"])
    id = client.find(named)
    return done(client, f"{DOING[operation]} {named}", f"workspaces/{id}/{operation}", None, {}, wait=not no_wait)


def start(
    ctx: typer.Context, id: Named, no_wait: NoWait = False, as_json: AsJson = False, url: Url = None, user: User = None
) -> None:
    """Start a workspace that is stopped."""
    present(operate(ctx, "start", id, no_wait), as_json)


def stop(
    ctx: typer.Context, id: Named, no_wait: NoWait = False, as_json: AsJson = False, url: Url = None, user: User = None
) -> None:
    """Stop a workspace; its files stay."""
    present(operate(ctx, "stop", id, no_wait), as_json)


def restart(
    ctx: typer.Context, id: Named, no_wait: NoWait = False, as_json: AsJson = False, url: Url = None, user: User = None
) -> None:
    """Stop a workspace, and start it again."""
    present(operate(ctx, "restart", id, no_wait), as_json)


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: User = None) -> None:
    """Your workspaces, newest first."""
    answer = connect(ctx, url, user).ask("GET", "workspaces")
    if as_json:
        show_json(answer.json())
        return
    now = answer.headers.get("date")
    rows = [(it["name"], it["id"], it["status"], it["template"] or "", end(it, now)) for it in answer.json()]
    if rows:
        table(("name", "id", "status", "template", "ends"), rows)
    else:
        note("There are none. Make one: tenure workspaces create NAME")


def show(ctx: typer.Context, id: Named, as_json: AsJson = False, url: Url = None, user: User = None) -> None:
    """Everything about one workspace."""
    client = connect(ctx, url, user)
    present(client.json("GET", f"workspaces/{client.find(id)}"), as_json)


def extend(ctx: typer.Context, id: Named, by: By, as_json: AsJson = False, url: Url = None, user: User = None) -> None:
    """Keep a workspace for longer."""
    client = connect(ctx, url, user)
    it = client.json("POST", f"workspaces/{client.find(id)}/extend", {"ttl_seconds": by})
    if as_json:
        show_json(it)
    else:
        say(f"{it['name']} ends at {plain_time(it['expires_at'])}")


def rm(
    ctx: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="ids, or names that only one has")],
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Give workspaces back, with everything in them."""
    client = connect(ctx, url, user)
    found = [(named, client.find(named)) for named in ids]  # all of them are known before the first is gone
    failed = False
    for named, id in found:
        try:
            answer = client.json("DELETE", f"workspaces/{id}")
        except Stop as stop:
            note(f"{named}: {stop}")
            failed = True
            continue
        if as_json:
            line_json({"id": id, **answer})
        else:
            say(f"{named} is deleted" if named == id else f"{named} ({id}) is deleted")
    if failed:
        raise typer.Exit(1)


def present(it: dict[str, Any], as_json: bool) -> None:
    """One workspace, a field a line."""
    if as_json:
        show_json(it)
        return
    fields = it | {"status": state(it), **(it["connection_info"] or {})}
    for gone in ("connection_info", "metadata", "error_message"):
        fields.pop(gone)
    for name, value in fields.items():
        if value is not None:
            say(f"{name:<14}{plain_time(value) if name.endswith('_at') else value}")


def state(it: dict[str, Any]) -> str:
    """Its status, and what is to be known beside it."""
    more = it["metadata"] or {}
    said = [f"{more['operation']} under way"] if "operation" in more else []
    said += [str(text) for text in (more.get("waiting"), it["error_message"]) if text]
    return f"{it['status']} ({'; '.join(said)})" if said else str(it["status"])


def end(it: dict[str, Any], now: str | None) -> str:
    """In how long it ends, by the clock of the server, which is the one that counts."""
    if it["expires_at"] is None:
        return "when deleted"
    if now is None:
        return plain_time(it["expires_at"])
    left = datetime.fromisoformat(it["expires_at"]) - parsedate_to_datetime(now)
    return f"in {durations.shown(left.total_seconds())}"
