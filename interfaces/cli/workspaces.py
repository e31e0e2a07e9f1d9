"""`tenure workspaces`: create, list, show, extend, stop and delete workspaces, through the HTTP API."""

from __future__ import annotations

import json
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any

import typer

from interfaces.cli import durations
from interfaces.cli.connections import connect
from interfaces.cli.credentials import Url, User
from interfaces.cli.host import Stop
from interfaces.cli.output import AsJson, line_json, note, plain_time, say, show_json, table

ACTIVITIES = {"start": "starting", "stop": "stopping", "restart": "restarting"}
IdOrName = Annotated[
    str, typer.Argument(metavar="ID", help="the id of a workspace, or a name that only one of yours has")
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="return at once, without waiting until it is done")]
Ttl = Annotated[
    int | None,
    typer.Option(parser=durations.parse_seconds, metavar="DURATION", help="the term: 90, 15m, 1h30m, 3d"),
]
Extension = Annotated[
    int, typer.Argument(parser=durations.parse_seconds, metavar="DURATION", help="90, 15m, 1h30m, 3d")
]


def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="a name for the workspace")],
    template: Annotated[str | None, typer.Option(help="the template; none: the default one")] = None,
    ttl: Ttl = None,
    key: Annotated[
        str | None, typer.Option(help="an idempotency key: a request with the same key returns the same workspace")
    ] = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Create a workspace, and wait until it runs."""
    from interfaces.cli.progress import request_and_wait

    client = connect(ctx, url, user)
    body = {"name": name, "template": template, "ttl_seconds": ttl}
    headers = {"idempotency-key": key} if key else {}
    workspace = request_and_wait(client, f"creating {name}", "workspaces", body, headers, wait=not no_wait)
    print_workspace(workspace, as_json)


def operate(ctx: typer.Context, operation: str, id_or_name: str, no_wait: bool) -> dict[str, Any]:
    """Request the operation, and return the workspace."""
    from interfaces.cli.progress import request_and_wait

    client = connect(ctx, ctx.params["url"], ctx.params["user"])
    id = client.find(id_or_name)
    activity = f"{ACTIVITIES[operation]} {id_or_name}"
    return request_and_wait(client, activity, f"workspaces/{id}/{operation}", None, {}, wait=not no_wait)


def start(
    ctx: typer.Context,
    id: IdOrName,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Start a stopped workspace."""
    print_workspace(operate(ctx, "start", id, no_wait), as_json)


def stop(
    ctx: typer.Context,
    id: IdOrName,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Stop a workspace; its files stay."""
    print_workspace(operate(ctx, "stop", id, no_wait), as_json)


def restart(
    ctx: typer.Context,
    id: IdOrName,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Stop a workspace, and start it again."""
    print_workspace(operate(ctx, "restart", id, no_wait), as_json)


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: User = None) -> None:
    """List your workspaces, newest first."""
    answer = connect(ctx, url, user).ask("GET", "workspaces")
    if as_json:
        show_json(answer.json())
        return
    now = answer.headers.get("date")
    workspaces = answer.json()
    rows = [(w["name"], w["id"], w["status"], w["template"] or "", render_end(w, now)) for w in workspaces]
    if rows:
        table(("name", "id", "status", "template", "ends"), rows)
    else:
        note("There are none. Make one: tenure workspaces create NAME")


def show(ctx: typer.Context, id: IdOrName, as_json: AsJson = False, url: Url = None, user: User = None) -> None:
    """Show everything about one workspace."""
    client = connect(ctx, url, user)
    print_workspace(client.json("GET", f"workspaces/{client.find(id)}"), as_json)


def extend(
    ctx: typer.Context, id: IdOrName, by: Extension, as_json: AsJson = False, url: Url = None, user: User = None
) -> None:
    """Add to the term of a workspace."""
    client = connect(ctx, url, user)
    workspace = client.json("POST", f"workspaces/{client.find(id)}/extend", {"ttl_seconds": by})
    if as_json:
        show_json(workspace)
    else:
        say(f"{workspace['name']} ends at {plain_time(workspace['expires_at'])}")


def rm(
    ctx: typer.Context,
    ids: Annotated[
        list[str], typer.Argument(metavar="ID…", help="ids of workspaces, or names that only one of yours has")
    ],
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Delete workspaces, with all their files."""
    client = connect(ctx, url, user)
    workspaces = [(name, client.find(name)) for name in ids]  # an unknown name fails before anything is deleted
    failed = False
    for name, id in workspaces:
        try:
            answer = client.json("DELETE", f"workspaces/{id}")
        except Stop as stop:
            note(f"{name}: {stop}")
            failed = True
            continue
        if as_json:
            line_json({"id": id, **answer})
        else:
            say(f"{name} is deleted" if name == id else f"{name} ({id}) is deleted")
    if failed:
        raise typer.Exit(1)


def print_workspace(workspace: dict[str, Any], as_json: bool) -> None:
    """Print a workspace, one field on each line."""
    if as_json:
        show_json(workspace)
        return
    fields = workspace | {"status": render_status(workspace), **(workspace["connection_info"] or {})}
    for unwanted in ("connection_info", "metadata", "error_message"):
        fields.pop(unwanted)
    for name, value in fields.items():
        if value is not None:
            text = json.dumps(value) if isinstance(value, dict | list) else value
            say(f"{name:<14}{plain_time(text) if name.endswith('_at') else text}")


def render_status(workspace: dict[str, Any]) -> str:
    """The status of a workspace, with its operation, what it waits for, and its error."""
    metadata = workspace["metadata"] or {}
    remarks = [f"{metadata['operation']} under way"] if "operation" in metadata else []
    remarks += [str(text) for text in (metadata.get("waiting"), workspace["error_message"]) if text]
    return f"{workspace['status']} ({'; '.join(remarks)})" if remarks else str(workspace["status"])


def render_end(workspace: dict[str, Any], now: str | None) -> str:
    """The time that is left of the term. `now` is the server's clock, from the Date header."""
    if workspace["expires_at"] is None:
        return "when deleted"
    if now is None:
        return plain_time(workspace["expires_at"])
    rest = datetime.fromisoformat(workspace["expires_at"]) - parsedate_to_datetime(now)
    return f"in {durations.render_duration(rest.total_seconds())}"
