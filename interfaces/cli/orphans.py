"""`tenure orphans`: machines on the engines that the log does not know, through the HTTP API. For administrators."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from interfaces.cli.output import AsJson, say, show_json, table
from interfaces.cli.sessions import As, Login, ask, signed_in
from interfaces.cli.workspaces import Url

PATH = "/api/v1/orphans"
OrphanId = Annotated[str, typer.Argument(metavar="ID", help="as `tenure orphans list` shows it")]


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: As = None, login: Login = None) -> None:
    """List what runs on the engines under this installation's label, and is not in the log."""
    with signed_in(ctx, url, user, login, None) as client:
        orphans: list[dict[str, Any]] = ask(client, "GET", PATH)
    if as_json:
        show_json(orphans)
        return
    rows = [
        (orphan["id"], orphan["kind"], orphan["name"], orphan["region"], orphan["found_at"], fate(orphan))
        for orphan in orphans
    ]
    table(("id", "kind", "name", "region", "found", "destroyed"), rows)


def adopt(
    ctx: typer.Context,
    id: OrphanId,
    name: Annotated[str, typer.Option(help="the name of the workspace that it becomes")],
    url: Url = None,
    user: As = None,
    login: Login = None,
) -> None:
    """Take a machine into the log, as a workspace of yours without a term."""
    with signed_in(ctx, url, user, login, None) as client:
        workspace = ask(client, "POST", f"{PATH}/{quote(id, safe='')}/adopt", {"name": name})
    say(f"{workspace['name']} ({workspace['workspace_id']}) is a workspace of yours")


def destroy(ctx: typer.Context, id: OrphanId, url: Url = None, user: As = None, login: Login = None) -> None:
    """Have it destroyed by its engine, with everything in it."""
    with signed_in(ctx, url, user, login, None) as client:
        ask(client, "DELETE", f"{PATH}/{quote(id, safe='')}")
    say(f"{id} is being destroyed")


def fate(orphan: dict[str, Any]) -> str:
    """When an orphan is destroyed."""
    return "now" if orphan["destroying"] else orphan["destroy_at"] or "when you say so"
