"""The catalogue of machine configurations and regions: entries with names below one address of the API.

`tenure machines` and `tenure regions` share these requests.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

import typer

from interfaces.cli.output import say
from interfaces.cli.sessions import ask, signed_in

EntryName = Annotated[str, typer.Argument(metavar="NAME", help="small letters, digits and hyphens")]


class ServerOptions(NamedTuple):
    """The options --url, --as and --login."""

    url: str | None
    user: str | None
    login: str | None


def list_entries(ctx: typer.Context, path: str, server: ServerOptions) -> list[Any]:
    """Every entry below the path."""
    with signed_in(ctx, *server, None) as client:
        entries: list[Any] = ask(client, "GET", path)
        return entries


def put_entry(
    ctx: typer.Context, path: str, name: str, body: dict[str, Any], server: ServerOptions, success: str
) -> None:
    """Add an entry, or change the one with this name, and print `success`."""
    with signed_in(ctx, *server, None) as client:
        ask(client, "PUT", f"{path}/{quote(name, safe='')}", body)
    say(success)


def remove_entry(ctx: typer.Context, path: str, name: str, server: ServerOptions, success: str) -> None:
    """Remove an entry, and print `success`."""
    with signed_in(ctx, *server, None) as client:
        ask(client, "DELETE", f"{path}/{quote(name, safe='')}")
    say(success)


def source(entry: dict[str, Any]) -> str:
    """Where an entry is defined: in the settings, or through the API."""
    return "settings" if entry["fixed"] else "added"
