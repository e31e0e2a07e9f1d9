"""`tenure orphans`: machines on the engines that the log does not know, through the HTTP API. For administrators."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from interfaces.cli.connections import connect, connect_as_member
from interfaces.cli.credentials import Login, Url, User
from interfaces.cli.output import AsJson, note, plain_time, say, show_json, table

PATH = "/api/v1/orphans"
OrphanId = Annotated[UUID, typer.Argument(metavar="ID", help="the id, as `tenure orphans list` shows it")]


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: User = None, login: Login = None) -> None:
    """List what runs on the engines under this installation's label, and is not in the log."""
    orphans = connect(ctx, url, user, login).json("GET", PATH)
    if as_json:
        show_json(orphans)
    elif orphans:
        rows = [
            (
                orphan["id"],
                orphan["kind"],
                orphan["name"],
                orphan["region"],
                plain_time(orphan["found_at"]),
                fate(orphan),
            )
            for orphan in orphans
        ]
        table(("id", "kind", "name", "region", "found at", "destroyed"), rows)
    else:
        note("There is none.")


def adopt(
    ctx: typer.Context,
    id: OrphanId,
    name: Annotated[str, typer.Option(help="the name of the workspace that it becomes")],
    url: Url = None,
    user: User = None,
    login: Login = None,
) -> None:
    """Take a machine into the log, as a workspace of yours without a term."""
    workspace = connect_as_member(ctx, url, user, login).json("POST", f"{PATH}/{id}/adopt", {"name": name})
    say(f"{workspace['name']} ({workspace['workspace_id']}) is a workspace of yours")


def destroy(ctx: typer.Context, id: OrphanId, url: Url = None, user: User = None, login: Login = None) -> None:
    """Have it destroyed by its engine, with everything in it."""
    answer = connect_as_member(ctx, url, user, login).json("DELETE", f"{PATH}/{id}")
    say(answer["message"])


def fate(orphan: dict[str, Any]) -> str:
    """When an orphan is destroyed."""
    if orphan["destroying"]:
        return "now"
    return plain_time(orphan["destroy_at"]) if orphan["destroy_at"] else "when you say so"
