"""The catalogue of machine configurations and regions: entries with names below one address of the API.

`tenure machines` and `tenure regions` share these requests.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

import typer

from interfaces.cli.connections import connect, connect_as_member
from interfaces.cli.output import say

EntryName = Annotated[str, typer.Argument(metavar="NAME", help="small letters, digits and hyphens")]


class ServerOptions(NamedTuple):
    """The options --url, --as and --login."""

    url: str | None
    user: str | None
    login: str | None


def list_entries(ctx: typer.Context, path: str, server: ServerOptions) -> list[Any]:
    """Every entry below the path."""
    entries: list[Any] = connect(ctx, *server).json("GET", path)
    return entries


def put_entry(
    ctx: typer.Context, path: str, name: str, body: dict[str, Any], server: ServerOptions, success: str
) -> None:
    """Add an entry, or change the one with this name, and print `success`."""
    connect_as_member(ctx, *server).json("PUT", f"{path}/{quote(name, safe='')}", body)
    say(success)


def remove_entry(ctx: typer.Context, path: str, name: str, server: ServerOptions, success: str) -> None:
    """Remove an entry, and print `success`."""
    connect_as_member(ctx, *server).json("DELETE", f"{path}/{quote(name, safe='')}")
    say(success)


def source(entry: dict[str, Any]) -> str:
    """Where an entry is defined: in the settings, or through the API."""
    return "settings" if entry["fixed"] else "added"
