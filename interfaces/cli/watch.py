"""`tenure workspaces watch`: the events of workspaces, one line each, as they happen."""

from __future__ import annotations

from typing import Annotated

import typer

from interfaces.cli.connections import connect
from interfaces.cli.credentials import Url, User
from interfaces.cli.output import AsJson, line_json, note, plain_time, render_facts, say

WatchedId = Annotated[str | None, typer.Argument(metavar="[ID]", help="one workspace, by id or name; none: all yours")]
After = Annotated[int | None, typer.Option(help="begin after this position in the log; none: now")]


def watch(
    ctx: typer.Context,
    id: WatchedId = None,
    after: After = None,
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Print the events of workspaces until Ctrl-C, or until the watched workspace is destroyed."""
    client = connect(ctx, url, user)
    subject = client.find(id) if id else None
    names = {workspace["id"]: workspace["name"] for workspace in client.json("GET", "workspaces")}
    try:
        for event in client.follow(subject, after, lambda reason: note(f"{reason}; coming back")):
            data = event.data
            if event.kind == "reset":
                note(f"Some of it cannot be told any more: {data['reason']}. From here on all is.")
            elif event.kind == "ready":
                note(f"Watching {id or 'your workspaces'}, after position {data['position']}. Ctrl-C ends it.")
            elif as_json:
                line_json(data)
            else:
                name = names.setdefault(data["subject"], (data["state"] or {}).get("name", data["subject"]))
                say(f"{plain_time(data['at'])}  {event.kind:<30}  {name}  {render_facts(data['facts'])}".rstrip())
            if subject and event.kind == "workspace.destroyed":
                return
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
