"""The connection of a command to its server, from the options that every such command has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from interfaces.cli.credentials import find_credential

if TYPE_CHECKING:
    from interfaces.cli.client import Client


def connect(ctx: typer.Context, url: str | None, user: str | None, login: str | None = None) -> Client:
    """A client for these options. Raises `Stop`."""
    from interfaces.cli.client import Client

    server = (url or ctx.obj.url()).rstrip("/")
    return Client(server, find_credential(ctx.obj.home(), server, user, login))


def connect_as_member(
    ctx: typer.Context, url: str | None, user: str | None, login: str | None = None, invite: str | None = None
) -> Client:
    """A client for a command that changes something. A name joins by it, and owns an installation without an owner."""
    client = connect(ctx, url, user, login)
    if client.credential.name is not None:
        client.join(invite)
    return client
