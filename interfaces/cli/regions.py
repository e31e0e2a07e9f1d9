"""`tenure regions`: where machines run, over the same API that browsers have. Administrators change them."""

from __future__ import annotations

from typing import Annotated

import typer

from interfaces.cli.catalogue import Named, entries, put, remove
from interfaces.cli.output import AsJson, show_json, table
from interfaces.cli.sessions import As, Login
from interfaces.cli.workspaces import Url

PATH = "/api/v1/regions"


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: As = None, login: Login = None) -> None:
    """The regions that machines can be asked for in."""
    found = entries(ctx, PATH, (url, user, login))
    if as_json:
        show_json(found)
        return
    table(("name", "host", "from"), [(it["name"], it["host"], "settings" if it["fixed"] else "added") for it in found])


def set_(
    ctx: typer.Context,
    name: Named,
    engine: Annotated[str, typer.Argument(metavar="ENGINE", help="unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST")],
    host: Annotated[str, typer.Option(help="what clients reach published ports under")] = "127.0.0.1",
    publish_on: Annotated[
        str | None, typer.Option(help="the address there to publish on; none: all, or loopback for a loopback")
    ] = None,
    url: Url = None,
    user: As = None,
    login: Login = None,
) -> None:
    """Add a region, or say where its Docker engine is from now on. This is on record for good: no passwords."""
    body = {"url": engine, "host": host, "publish_on": publish_on}
    put(ctx, PATH, name, body, (url, user, login), f"machines can be asked for in {name}")


def rm(ctx: typer.Context, name: Named, url: Url = None, user: As = None, login: Login = None) -> None:
    """Let nothing new be made there. What is there can be used until its end."""
    done = f"{name} is removed; machines that are there can be used until their end"
    remove(ctx, PATH, name, (url, user, login), done)
