"""What `tenure machines` and `tenure regions` share: entries that go by names, below one address of the API."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from interfaces.cli.output import say
from interfaces.cli.sessions import ask, signed_in

Named = Annotated[str, typer.Argument(metavar="NAME", help="small letters, digits and hyphens")]
Who = tuple[str | None, str | None, str | None]  # the options --url, --user and --login


def entries(ctx: typer.Context, path: str, who: Who) -> list[Any]:
    with signed_in(ctx, *who, None) as client:
        found: list[Any] = ask(client, "GET", path)
        return found


def put(ctx: typer.Context, path: str, name: str, body: dict[str, Any], who: Who, done: str) -> None:
    """Add an entry, or change the one of this name, and say `done`."""
    with signed_in(ctx, *who, None) as client:
        ask(client, "PUT", f"{path}/{quote(name, safe='')}", body)
    say(done)


def remove(ctx: typer.Context, path: str, name: str, who: Who, done: str) -> None:
    with signed_in(ctx, *who, None) as client:
        ask(client, "DELETE", f"{path}/{quote(name, safe='')}")
    say(done)
