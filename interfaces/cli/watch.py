"""`tenure workspaces watch`: what happens, a line each, as it happens."""

from __future__ import annotations

from typing import Annotated

import typer

from interfaces.cli.output import AsJson, line_json, note, plain_time, say, what_it_says
from interfaces.cli.workspaces import Url, User, connect

Which = Annotated[str | None, typer.Argument(metavar="[ID]", help="one workspace, by id or name; none: all yours")]
After = Annotated[int | None, typer.Option(help="begin after this position of the log; none: now")]


def watch(
    ctx: typer.Context,
    id: Which = None,
    after: After = None,
    as_json: AsJson = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Follow what happens to workspaces, until Ctrl-C, or until the one that is watched has gone."""
    client = connect(ctx, url, user)
    subject = client.find(id) if id else None
    names = {it["id"]: it["name"] for it in client.json("GET", "workspaces")}
    try:
        for told in client.follow(subject, after, lambda why: note(f"{why}; coming back")):
            it = told.data
            if told.kind == "reset":
                note(f"Some of it cannot be told any more: {it['reason']}. From here on all is.")
            elif told.kind == "ready":
                note(f"Watching {id or 'your workspaces'}, after position {it['position']}. Ctrl-C ends it.")
            elif as_json:
                line_json(it)
            else:
                name = names.setdefault(it["subject"], (it["state"] or {}).get("name", it["subject"]))
                say(f"{plain_time(it['at'])}  {told.kind:<30}  {name}  {what_it_says(it['facts'])}".rstrip())
            if subject and told.kind == "workspace.destroyed":
                return
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
