"""`tenure work`: work that failed too often, through the HTTP API. Administrators decide on it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from interfaces.cli.output import AsJson, note, plain_time, say, show_json, table
from interfaces.cli.sessions import As, Login, ask, signed_in
from interfaces.cli.workspaces import Url

PATH = "/api/v1/work"
WorkId = Annotated[UUID, typer.Argument(metavar="ID", help="the id, as `tenure work list` shows it")]


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: As = None, login: Login = None) -> None:
    """List the work that failed too often and is not tried any more."""
    with signed_in(ctx, url, user, login, None) as client:
        parked = ask(client, "GET", PATH)
    if as_json:
        show_json(parked)
    elif parked:
        rows = [
            (
                work["id"],
                work["command"],
                work["subject"],
                plain_time(work["parked_at"]),
                str(work["attempts"]),
                work["error"],
            )
            for work in parked
        ]
        table(("id", "command", "subject", "parked at", "attempts", "error"), rows)
    else:
        note("There is none.")


def retry(ctx: typer.Context, id: WorkId, url: Url = None, user: As = None, login: Login = None) -> None:
    """Try it again now, as if it were new."""
    with signed_in(ctx, url, user, login, None) as client:
        answer = ask(client, "POST", f"{PATH}/{id}/retry")
    say(answer["message"])


def drop(ctx: typer.Context, id: WorkId, url: Url = None, user: As = None, login: Login = None) -> None:
    """Never try it again. What it should have brought about does not happen."""
    with signed_in(ctx, url, user, login, None) as client:
        answer = ask(client, "DELETE", f"{PATH}/{id}")
    say(answer["message"])
