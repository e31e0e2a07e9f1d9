"""`tenure work`: work that failed too often, through the HTTP API. Administrators decide on it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from interfaces.cli.connections import connect, connect_as_member
from interfaces.cli.credentials import Login, Url, User
from interfaces.cli.output import AsJson, note, plain_time, say, show_json, table

PATH = "/api/v1/work"
WorkId = Annotated[UUID, typer.Argument(metavar="ID", help="the id, as `tenure work list` shows it")]


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: User = None, login: Login = None) -> None:
    """List the work that failed too often and is not tried any more."""
    parked = connect(ctx, url, user, login).json("GET", PATH)
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


def retry(ctx: typer.Context, id: WorkId, url: Url = None, user: User = None, login: Login = None) -> None:
    """Try it again now, as if it were new."""
    answer = connect_as_member(ctx, url, user, login).json("POST", f"{PATH}/{id}/retry")
    say(answer["message"])


def drop(ctx: typer.Context, id: WorkId, url: Url = None, user: User = None, login: Login = None) -> None:
    """Never try it again. What it should have brought about does not happen."""
    answer = connect_as_member(ctx, url, user, login).json("DELETE", f"{PATH}/{id}")
    say(answer["message"])
