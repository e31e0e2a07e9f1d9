"""`tenure regions`: the Docker engines that machines run on, through the HTTP API. Administrators change them."""

from __future__ import annotations

from typing import Annotated

import typer

from interfaces.cli.catalogue import EntryName, ServerOptions, list_entries, put_entry, remove_entry, source
from interfaces.cli.credentials import Login, Url, User
from interfaces.cli.output import AsJson, show_json, table

PATH = "/api/v1/regions"


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: User = None, login: Login = None) -> None:
    """List the regions."""
    entries = list_entries(ctx, PATH, ServerOptions(url, user, login))
    if as_json:
        show_json(entries)
        return
    table(("name", "host", "from"), [(entry["name"], entry["host"], source(entry)) for entry in entries])


def set_(
    ctx: typer.Context,
    name: EntryName,
    engine: Annotated[str, typer.Argument(metavar="ENGINE", help="unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST")],
    host: Annotated[str, typer.Option(help="the address at which clients reach published ports")] = "127.0.0.1",
    publish_on: Annotated[
        str | None,
        typer.Option(help="the address to publish ports on; none: all, or loopback if --host is a loopback address"),
    ] = None,
    url: Url = None,
    user: User = None,
    login: Login = None,
) -> None:
    """Add a region, or change the address of its Docker engine. The address is stored for good: no passwords in it."""
    body = {"url": engine, "host": host, "publish_on": publish_on}
    put_entry(ctx, PATH, name, body, ServerOptions(url, user, login), f"machines can be asked for in {name}")


def rm(ctx: typer.Context, name: EntryName, url: Url = None, user: User = None, login: Login = None) -> None:
    """Remove a region. Machines that are there can be used until their end."""
    success = f"{name} is removed; machines that are there can be used until their end"
    remove_entry(ctx, PATH, name, ServerOptions(url, user, login), success)
